"""Classifiers as transformers loads and computes them in float64 (eager attention), as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is JSON: {"name": {"path": folder, "examples": [{"ids": [...], "second": int?, "label": int}, ...]}, ...}.
Examples are one batch, padded to the longest. For each name: `NAME.logits`, `NAME.loss` and `NAME.grad.PARAMETER`.
With {"save": folder, "encoderOnly": bool, "config": {...}} a model of this config is drawn and saved to the folder.
Needs no network: everything is local.
"""

import json
import sys

import torch
from requests_peer import answer
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification


def compute(request):
    model = AutoModelForSequenceClassification.from_pretrained(
        request["path"], dtype=torch.float64, attn_implementation="eager"
    ).eval()
    examples, pad = request["examples"], model.config.pad_token_id
    longest = max(len(one["ids"]) for one in examples)
    padding = [longest - len(one["ids"]) for one in examples]
    ids = torch.tensor([one["ids"] + [pad] * more for one, more in zip(examples, padding)])
    mask = torch.tensor([[1] * len(one["ids"]) + [0] * more for one, more in zip(examples, padding)])
    kinds = torch.zeros_like(ids)
    if model.config.type_vocab_size > 1:
        for row, one in zip(kinds, examples):
            row[one.get("second", len(one["ids"])) : len(one["ids"])] = 1
    labels = torch.tensor([one["label"] for one in examples])
    found = model(input_ids=ids, attention_mask=mask, token_type_ids=kinds, labels=labels)
    found.loss.backward()
    gradients = {f"grad.{name}": p.grad.contiguous() for name, p in model.named_parameters() if p.grad is not None}
    return {"logits": found.logits.detach().contiguous(), "loss": found.loss.detach(), **gradients}


def save(request):
    torch.manual_seed(0)
    config = AutoConfig.for_model(**request["config"])
    kind = AutoModel if request["encoderOnly"] else AutoModelForSequenceClassification
    kind.from_config(config).save_pretrained(request["save"])


answer(sys.argv[1], json.loads(sys.argv[2]), save, compute)
