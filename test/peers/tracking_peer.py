"""Trackers of objects by torch in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is a JSON file: {"name": {"path": folder, "sizes": {...} or null, "adapter": folder or null,
"template": [...], "search": [...], "object": [...], "box": [...], "documents": [...], "patches": [...]}, ...}, values of all documents one
after the other. For each name: `NAME.outputs`, and without an adapter `NAME.loss` and `NAME.grad.PARAMETER`; with one
`NAME.merged`, once PEFT added it to the layers.
"""

import json
import sys

import torch
from peft import PeftModel

from lorat import Tracker, loss_of
from requests_peer import answer


def compute(request):
    model = Tracker(request["path"], request["sizes"])
    count = len(request["box"]) // 4
    edge = lambda name: round((len(request[name]) / count / 3) ** 0.5)
    pixels = lambda name: torch.tensor(request[name], dtype=torch.float32).double().reshape(count, 3, edge(name), edge(name))
    inputs = pixels("template"), pixels("search"), torch.tensor(request["object"], dtype=torch.long).reshape(count, -1)
    if request["adapter"] is not None:
        adapted = PeftModel.from_pretrained(model, request["adapter"]).double().eval()
        with torch.no_grad():
            beside = adapted(*inputs)
            return {"outputs": beside.contiguous(), "merged": adapted.merge_and_unload()(*inputs).contiguous()}
    outputs = model(*inputs)
    boxes = torch.tensor(request["box"], dtype=torch.float32).double().reshape(count, 4)
    loss = loss_of(outputs, model.s, boxes, torch.tensor(request["documents"]), torch.tensor(request["patches"]))
    loss.backward()
    gradients = {f"grad.{name}": p.grad.contiguous() for name, p in model.named_parameters() if p.grad is not None}
    return {"outputs": outputs.detach().contiguous(), "loss": loss.detach(), **gradients}


with open(sys.argv[2]) as file:
    answer(sys.argv[1], json.load(file), None, compute)
