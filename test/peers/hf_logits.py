"""Logits of models as transformers loads and computes them (eager attention, float32 unless exact), as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is JSON: {"name": {"path": folder or GGUF file, "adapter": folder?, "ids": [...],
"exact": bool?, "distill": {...}?}, ...}. An adapter is put on the model by PEFT, a MixLoRA by mixlora_peer.py, and stays beside the weights. What is exact is loaded in
float32 and computed in float64. With "distill": {"teacher": folder, "count", "temperature", "weight"} there are in place of the logits a
loss, `NAME.loss`, and its gradients by all parameters, `NAME.PARAMETER`, in float64.
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


def divergence(student, teacher, count):
    """KL(teacher || student) over the most likely tokens of the teacher and one bucket of all others."""
    p, q = student.softmax(-1), teacher.softmax(-1)
    kept = q.topk(count).indices

    def bucketed(x):
        top = x.gather(-1, kept)
        others = torch.ones_like(x, dtype=torch.bool).scatter(-1, kept, False)
        if count == x.shape[-1]:
            return top
        return torch.cat([top, (x * others).sum(-1, keepdim=True)], -1)

    return torch.nn.functional.kl_div(bucketed(p).log(), bucketed(q), reduction="none").sum(-1).mean()


def distill(request):
    asked = request["distill"]
    ids = torch.tensor([request["ids"]])
    model, teacher = (load_base(path).double() for path in (request["path"], asked["teacher"]))
    logits = model(input_ids=ids, use_cache=False).logits[0, :-1]
    with torch.no_grad():
        target = teacher(input_ids=ids, use_cache=False).logits[0, :-1]
    nll = torch.nn.functional.cross_entropy(logits, ids[0, 1:])
    t, weight = asked["temperature"], asked["weight"]
    loss = (1 - weight) * nll + weight * divergence(logits / t, target / t, asked["count"])
    loss.backward()
    gradients = {name: p.grad.contiguous() for name, p in model.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients}


def main(out, requests):
    logits = {}
    parsed = json.loads(requests).items()
    for name, request in parsed:
        if "distill" in request:
            logits |= {f"{name}.{key}": value for key, value in distill(request).items()}
    # A model without an adapter, which may get the next one: a GGUF file takes long to load.
    plain = (None, None)
    with torch.no_grad():
        for name, request in parsed:
            if "distill" in request:
                continue
            ids = torch.tensor([request["ids"]])
            path, adapter = request["path"], request.get("adapter")
            base = plain[1] if plain[0] == path else load_base(path)
            plain = (path, base) if adapter is None else (None, None)
            model = with_adapter(base, adapter)
            dtype = torch.float64 if request.get("exact") else torch.float32
            logits[name] = model.to(dtype)(input_ids=ids, use_cache=False).logits[0].contiguous()
    save_file(logits, out)


main(sys.argv[1], sys.argv[2])
