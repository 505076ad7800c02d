"""What llama.cpp answers to a prompt, taking the likeliest token each time (on the CPU) up to the file's end token.

Arguments: PATHS PROMPT TOKENS, where PATHS is JSON: {"name": GGUF file, ...}
Prints JSON: {"name": {"prompt": [ids], "made": [ids], "text": "..."}}. The file's own tokenizer reads the prompt, special
tokens included.
"""

import itertools
import json
import sys

from llama_cpp import Llama


def say(path, prompt, count):
    # More threads wait for each other at full speed, beside other processes of a test.
    model = Llama(model_path=path, n_ctx=256, n_batch=256, n_threads=1, n_threads_batch=1, verbose=False)
    ids = model.tokenize(prompt.encode(), add_bos=False, special=True)
    # Temperature 0 and no penalty for repetition: the likeliest token and nothing else.
    tokens = model.generate(ids, temp=0.0, repeat_penalty=1.0)
    answer = itertools.takewhile(lambda token: token != model.token_eos(), tokens)
    made = list(itertools.islice(answer, count))
    text = model.detokenize(made, prev_tokens=ids).decode()
    return {"prompt": ids, "made": made, "text": text}


def main(paths, prompt, count):
    answers = {name: say(path, prompt, count) for name, path in json.loads(paths).items()}
    print(json.dumps(answers))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
