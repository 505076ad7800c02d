"""What judges of families share: a JSON object of requests by name becomes one safetensors file."""

import torch
from safetensors.torch import save_file


def answer(out, requests, save, compute):
    """First saves the models of requests with "save"; then `NAME.PART` for each part that `compute` gives of another one."""
    found = {"none": torch.zeros(1)}
    for request in requests.values():
        if "save" in request:
            save(request)
    for name, request in requests.items():
        if "save" not in request:
            found |= {f"{name}.{part}": value for part, value in compute(request).items()}
    save_file(found, out)
