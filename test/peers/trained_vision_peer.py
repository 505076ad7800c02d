"""Published classifiers of pictures as transformers and PEFT load and compute them, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is a JSON file: {"pixels": [...], "shape": [N, C, h, w], "models": {"name": {"path": folder, "base": folder?, "names": [...]}, ...}}.
With a base, `path` is an adapter, which PEFT puts on it; a head that the base lacks comes from the adapter. `NAME` are the logits, and
`NAME.off` those of the base with the adapter off. Needs no network: everything is local.
"""

import json
import sys

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoImageProcessor, AutoModelForImageClassification


def opened(request):
    load = AutoModelForImageClassification.from_pretrained
    if request.get("base") is None:
        model, found = load(request["path"], dtype=torch.float32, output_loading_info=True)
        assert not any(found[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), found
        assert model.config.id2label == dict(enumerate(request["names"])), model.config.id2label
        AutoImageProcessor.from_pretrained(request["path"])
        return model
    torch.manual_seed(1)
    base = load(request["base"], dtype=torch.float32, num_labels=len(request["names"]))
    return PeftModel.from_pretrained(base, request["path"])


def main(out, requests):
    found = {}
    with open(requests) as file:
        asked = json.load(file)
    pixels = torch.tensor(asked["pixels"], dtype=torch.float32).reshape(asked["shape"])
    for name, request in asked["models"].items():
        model = opened(request).eval()
        with torch.no_grad():
            found[name] = model(pixel_values=pixels).logits.contiguous()
            if request.get("base") is not None:
                with model.disable_adapter():
                    found[f"{name}.off"] = model(pixel_values=pixels).logits.contiguous()
    save_file(found, out)


main(sys.argv[1], sys.argv[2])
