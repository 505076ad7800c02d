"""Logits of a model with several adapters that PEFT concatenates into one (add_weighted_adapter), and with each of them alone.

Arguments: MODEL OUT IDS PARTS, where PARTS is JSON: [[name, folder, weight], ...].
"""

import json
import sys

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

path, out, ids, parts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
names, folders, weights = zip(*parts)
model = PeftModel.from_pretrained(model, folders[0], adapter_name=names[0])
for name, folder in zip(names[1:], folders[1:]):
    model.load_adapter(folder, adapter_name=name)
model.add_weighted_adapter(list(names), list(weights), "merged", combination_type="cat")
logits = {}
with torch.inference_mode():
    for name in [*names, "merged"]:
        model.set_adapter(name)
        logits[name] = model.eval()(input_ids=torch.tensor([ids]), use_cache=False).logits[0].contiguous()
save_file(logits, out)
