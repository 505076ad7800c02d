"""Logits of models as transformers loads and computes them (eager attention, float32 unless exact), as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is JSON: {"name": {"path": folder or GGUF file, "adapter": folder?, "ids": [...],
"exact": bool?}, ...}. An adapter is put on the model by PEFT, a MixLoRA by mixlora_peer.py, and stays beside the weights. What is exact is loaded in
float32 and computed in float64.
Needs no network: everything is local.
"""

import json
import os
import sys

import torch
from mixlora_peer import is_mixlora, with_mixture
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM


def load_base(path):
    where = {"pretrained_model_name_or_path": path}
    if path.endswith(".gguf"):
        folder, file = os.path.split(path)
        where = {"pretrained_model_name_or_path": folder, "gguf_file": file}
    return AutoModelForCausalLM.from_pretrained(
        **where, dtype=torch.float32, attn_implementation="eager"
    )


def with_adapter(model, adapter):
    if adapter is not None and is_mixlora(adapter):
        model = with_mixture(model, adapter)
    elif adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    return model.eval()


def main(out, requests):
    logits = {}
    # A model without an adapter, which may get the next one: a GGUF file takes long to load.
    plain = (None, None)
    with torch.no_grad():
        for name, request in json.loads(requests).items():
            ids = torch.tensor([request["ids"]])
            path, adapter = request["path"], request.get("adapter")
            base = plain[1] if plain[0] == path else load_base(path)
            plain = (path, base) if adapter is None else (None, None)
            model = with_adapter(base, adapter)
            dtype = torch.float64 if request.get("exact") else torch.float32
            logits[name] = model.to(dtype)(input_ids=ids, use_cache=False).logits[0].contiguous()
    save_file(logits, out)


main(sys.argv[1], sys.argv[2])
