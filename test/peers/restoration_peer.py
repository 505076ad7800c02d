"""Networks that restore pictures, by torch in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is JSON: {"name": {"path": folder, "height": int, "width": int, "input": [...],
"target": [...]}, ...}, with values of pictures [height, width, 3], and targets larger by the network's scale. For each name:
`NAME.restored` as pictures, `NAME.loss` (mean absolute difference) and `NAME.grad.PARAMETER`.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from srvgg import SRVGGNetCompact, images


def compute(request):
    folder = Path(request["path"])
    config = json.loads((folder / "config.json").read_text())
    model = SRVGGNetCompact(**config).double()
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    scale, height, width = config["upscale"], request["height"], request["width"]
    restored = model(images(request["input"], height, width))
    loss = (restored - images(request["target"], height * scale, width * scale)).abs().mean()
    loss.backward()
    gradients = {f"grad.{name}": p.grad.contiguous() for name, p in model.named_parameters()}
    return {"restored": restored.detach().permute(0, 2, 3, 1).contiguous(), "loss": loss.detach(), **gradients}


def main(out, requests):
    found = {"none": torch.zeros(1)}
    for name, request in json.loads(requests).items():
        found |= {f"{name}.{key}": value for key, value in compute(request).items()}
    save_file(found, out)


main(sys.argv[1], sys.argv[2])
