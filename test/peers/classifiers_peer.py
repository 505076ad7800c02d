"""Published classifiers as transformers and PEFT load and compute them, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is JSON: {"name": {"path": folder, "base": folder?, "labels": int, "texts": [[...ids...], ...]}, ...}.
With a base, `path` is an adapter, which PEFT puts on it; a head that the base lacks comes from the adapter. `NAME` are the logits.
Needs no network: everything is local.
"""

import json
import sys

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification


def opened(request):
    load = AutoModelForSequenceClassification.from_pretrained
    if request.get("base") is None:
        model = load(request["path"], dtype=torch.float32, attn_implementation="eager")
        assert model.config.id2label == dict(enumerate(request["names"])), model.config.id2label
        return model
    torch.manual_seed(1)
    base = load(
        request["base"], dtype=torch.float32, attn_implementation="eager", num_labels=len(request["names"])
    )
    return PeftModel.from_pretrained(base, request["path"])


def main(out, requests):
    found = {}
    for name, request in json.loads(requests).items():
        model = opened(request).eval()
        with torch.no_grad():
            rows = [model(input_ids=torch.tensor([ids])).logits for ids in request["texts"]]
        found[name] = torch.cat(rows).contiguous()
    save_file(found, out)


main(sys.argv[1], sys.argv[2])
