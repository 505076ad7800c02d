"""How transformers reads a conversation with the tokenizer and chat template of a folder: ids as JSON.

Arguments: FOLDER MESSAGES      MESSAGES: JSON list of {role, content}
"""

import json
import sys

from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
text = tokenizer.apply_chat_template(
    json.loads(sys.argv[2]), tokenize=False, add_generation_prompt=True
)
print(json.dumps({"text": text, "ids": tokenizer(text, add_special_tokens=False)["input_ids"]}))
