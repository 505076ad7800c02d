"""Networks that restore pictures, by torch in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is JSON: {"name": {"path": folder, "height": int, "width": int, "input": [...],
"target": [...]}, ...}, with values of pictures [height, width, 3], and targets larger by the network's scale. For each name:
`NAME.restored` as pictures, `NAME.loss` (mean absolute difference) and `NAME.grad.PARAMETER`.
"""

import json
import sys
from pathlib import Path

from safetensors.torch import load_file

from requests_peer import answer
from srvgg import SRVGGNetCompact, images, judged


def compute(request):
    folder = Path(request["path"])
    config = json.loads((folder / "config.json").read_text())
    model = SRVGGNetCompact(**config).double()
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    restored = model(images(request["input"], request["height"], request["width"]))
    return judged(restored, request, config["upscale"], model.named_parameters())


answer(sys.argv[1], json.loads(sys.argv[2]), None, compute)
