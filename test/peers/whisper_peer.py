"""Whisper as transformers loads and computes it in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is a JSON file: {"name": {"path": folder, "mel": [...], "shape": [N, M, F], "ids": [[...]], "labels": [[...]]}, ...}.
Ids are what the decoder reads; rows are padded behind their ends, where labels are -100.
With "adapter", a folder of PEFT on the model, there are no gradients.
For each name: `NAME.logits` of all rows with a label, one after the other, `NAME.loss` over all of them and `NAME.grad.PARAMETER`.
With {"save": folder, "bare": bool, "config": {...}} a model of this config is drawn and saved to the folder.
Needs no network: everything is local.
"""

import json
import sys

import torch
from peft import PeftModel
from requests_peer import answer
from transformers import AutoConfig, WhisperForConditionalGeneration, WhisperModel


def compute(request):
    model = WhisperForConditionalGeneration.from_pretrained(
        request["path"], dtype=torch.float64, attn_implementation="eager"
    ).eval()
    if "adapter" in request:
        model = PeftModel.from_pretrained(model, request["adapter"]).eval()
    mel = torch.tensor(request["mel"], dtype=torch.float32).double().reshape(request["shape"])
    labels = torch.tensor(request["labels"])
    found = model(input_features=mel, decoder_input_ids=torch.tensor(request["ids"]), use_cache=False)
    rows = labels.flatten() >= 0
    logits = found.logits.flatten(0, 1)[rows]
    loss = torch.nn.functional.cross_entropy(logits, labels.flatten()[rows])
    if not loss.requires_grad:
        return {"logits": logits.contiguous(), "loss": loss}
    loss.backward()
    gradients = {
        f"grad.{name}": p.grad.contiguous()
        for name, p in model.named_parameters()
        # Sinusoids are fixed where the class makes them; loading a file forgets that.
        if p.grad is not None and name != "model.encoder.embed_positions.weight"
    }
    return {"logits": logits.detach().contiguous(), "loss": loss.detach(), **gradients}


def save(request):
    torch.manual_seed(0)
    config = AutoConfig.for_model(**request["config"])
    kind = WhisperModel if request["bare"] else WhisperForConditionalGeneration
    model = kind(config)
    for name, p in model.named_parameters():
        if "encoder.embed_positions" not in name:
            torch.nn.init.normal_(p, std=0.2)
    model.save_pretrained(request["save"])


with open(sys.argv[2]) as file:
    answer(sys.argv[1], json.load(file), save, compute)
