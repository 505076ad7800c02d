"""CLIP and dual encoders as transformers loads and computes them in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is a JSON file: {"name": {"path": folder, "pixels": [...], "shape": [N, C, H, W], "ids": [[...]], "mask": [[...]], "labels": [...] or null}, ...}.
Attention is `sdpa`: the eager one of CLIP has its softmax in float32.
For each name: `NAME.logits` of all texts for each picture, `NAME.loss` of pairs, or of classes where there are labels, and `NAME.grad.PARAMETER`.
With {"save": folder, "config": {...}} a model of this config is drawn and saved to the folder.
Needs no network: everything is local.
"""

import json
import sys

import torch
from requests_peer import answer
from transformers import AutoConfig, CLIPModel, VisionTextDualEncoderConfig, VisionTextDualEncoderModel


def kind_of(model_type):
    return CLIPModel if model_type == "clip" else VisionTextDualEncoderModel


def compute(request):
    with open(f"{request['path']}/config.json") as file:
        kind = kind_of(json.load(file)["model_type"])
    model = kind.from_pretrained(request["path"], dtype=torch.float64, attn_implementation="sdpa").eval()
    pixels = torch.tensor(request["pixels"], dtype=torch.float32).double().reshape(request["shape"])
    found = model(
        input_ids=torch.tensor(request["ids"]),
        attention_mask=torch.tensor(request["mask"]),
        pixel_values=pixels,
        return_loss=request["labels"] is None,
    )
    logits = found.logits_per_image
    loss = found.loss
    if request["labels"] is not None:
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(request["labels"]))
    loss.backward()
    gradients = {
        f"grad.{name}": p.grad.contiguous() for name, p in model.named_parameters() if p.grad is not None
    }
    return {"logits": logits.detach().contiguous(), "loss": loss.detach(), **gradients}


def save(request):
    torch.manual_seed(0)
    config = request["config"]
    if config["model_type"] == "clip":
        model = CLIPModel(AutoConfig.for_model(**config))
    else:
        model = VisionTextDualEncoderModel(VisionTextDualEncoderConfig(**config))
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    model.save_pretrained(request["save"])


with open(sys.argv[2]) as file:
    answer(sys.argv[1], json.load(file), save, compute)
