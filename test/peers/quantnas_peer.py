"""Networks of QuantNAS by torch in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is JSON as that of restoration_peer.py; a request with `"integers": true` has the
weights of cells from the packed integers beside the model instead. For each name: `NAME.restored` as pictures, `NAME.loss`
(mean absolute difference) and `NAME.grad.PARAMETER`.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from quantnas import OPERATIONS, Network
from requests_peer import answer
from srvgg import images, judged


def unpacked(folder, genotype, tensors):
    """Weights that integers of pack-quantized stand for: each word has 32 / bits codes, the first in its lowest bits."""
    packed = load_file(folder / "integers" / "model.safetensors")
    weights = {}
    for i, cell in enumerate(genotype):
        for j, choice in enumerate(cell):
            for k, _ in enumerate(OPERATIONS[choice["operation"]]):
                path, bits = f"cells.{i}.{j}.{k}", choice["bits"]
                words = packed[f"{path}.weight_packed"].long() & 0xFFFFFFFF
                parts = [(words >> shift) & (2**bits - 1) for shift in range(0, 32, bits)]
                rows, columns = packed[f"{path}.weight_shape"].tolist()
                codes = torch.stack(parts, -1).view(rows, -1)[:, :columns] - 2 ** (bits - 1)
                dense = codes.double() * packed[f"{path}.weight_scale"].double()
                weights[f"{path}.weight"] = dense.view(tensors[f"{path}.weight"].shape)
    return weights


def compute(request):
    folder = Path(request["path"])
    config = json.loads((folder / "config.json").read_text())
    tensors = {name: value.double() for name, value in load_file(folder / "model.safetensors").items()}
    if request.get("integers"):
        tensors |= unpacked(folder, config["genotype"], tensors)
    tensors = {name: value.requires_grad_() for name, value in tensors.items()}
    restored = Network(config, tensors)(images(request["input"], request["height"], request["width"]))
    return judged(restored, request, config["upscale"], tensors.items())


answer(sys.argv[1], json.loads(sys.argv[2]), None, compute)
