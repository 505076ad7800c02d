"""Vision transformers as transformers loads and computes them in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is a JSON file: {"name": {"path": folder, "pixels": [...], "shape": [N, C, h, w], "labels": [...]}, ...}.
For each name: `NAME.logits`, `NAME.loss` and `NAME.grad.PARAMETER`.
With {"hidden": folder, "pixels": ..., "shape": ...}: `NAME.hidden`, the last hidden state of a model without a head.
With {"save": folder, "headless": bool, "config": {...}} a model of this config is drawn and saved to the folder.
Needs no network: everything is local.
"""

import json
import sys
import types

import torch
from requests_peer import answer
from transformers import AutoConfig, AutoModel, AutoModelForImageClassification
from transformers.models.vit.modeling_vit import ViTEmbeddings


def pixels_of(request):
    return torch.tensor(request["pixels"], dtype=torch.float32).double().reshape(request["shape"])


def resize_in_own_type(embeddings):
    """DINOv2 resizes positions in float32 in every type; ViT does the same in the type of the model."""
    embeddings.interpolate_pos_encoding = types.MethodType(ViTEmbeddings.interpolate_pos_encoding, embeddings)


def hidden(request):
    model = AutoModel.from_pretrained(request["hidden"], dtype=torch.float64).eval()
    resize_in_own_type(model.embeddings)
    with torch.no_grad():
        return {"hidden": model(pixel_values=pixels_of(request)).last_hidden_state.contiguous()}


def compute(request):
    # The eager softmax of ViT is float32 in every type.
    model = AutoModelForImageClassification.from_pretrained(
        request["path"], dtype=torch.float64, attn_implementation="sdpa"
    ).eval()
    pixels = pixels_of(request)
    if model.config.model_type == "dinov2":
        resize_in_own_type(model.dinov2.embeddings)
        found = model(pixel_values=pixels, labels=torch.tensor(request["labels"]))
    else:
        labels = torch.tensor(request["labels"])
        found = model(pixel_values=pixels, labels=labels, interpolate_pos_encoding=True)
    found.loss.backward()
    gradients = {f"grad.{name}": p.grad.contiguous() for name, p in model.named_parameters() if p.grad is not None}
    return {"logits": found.logits.detach().contiguous(), "loss": found.loss.detach(), **gradients}


def save(request):
    torch.manual_seed(0)
    config = AutoConfig.for_model(**request["config"])
    kind = AutoModel if request["headless"] else AutoModelForImageClassification
    model = kind.from_config(config)
    for p in model.parameters():
        # Tokens and positions of DeiT begin with zeros, and biases of all.
        torch.nn.init.normal_(p, std=0.2)
    model.save_pretrained(request["save"])


with open(sys.argv[2]) as file:
    answer(sys.argv[1], json.load(file), save, lambda asked: hidden(asked) if "hidden" in asked else compute(asked))
