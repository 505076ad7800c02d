"""What PEFT makes of adapters of a network that restores pictures, as one safetensors file.

Arguments: OUT BASE HEIGHT WIDTH INPUT FOLDERS, the last two JSON: values of pictures, and folders of adapters. For each folder, in
order, `I.restored` with the adapter beside the convolutions, and `I.merged` once PEFT added it to them; `base` without one.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from srvgg import SRVGGNetCompact, images


def network(folder):
    model = SRVGGNetCompact(**json.loads((folder / "config.json").read_text())).double()
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval()


def main(out, base, height, width, values, folders):
    x = images(json.loads(values), int(height), int(width))

    def restored(model):
        with torch.no_grad():
            return model(x).permute(0, 2, 3, 1).contiguous()

    found = {"base": restored(network(Path(base)))}
    for i, folder in enumerate(json.loads(folders)):
        adapted = PeftModel.from_pretrained(network(Path(base)), folder)
        names = {name.rpartition(".lora_A")[0] for name, _ in adapted.named_parameters() if ".lora_A" in name}
        found[f"{i}.layers"] = torch.tensor(len(names))
        found[f"{i}.restored"] = restored(adapted.double())
        found[f"{i}.merged"] = restored(adapted.merge_and_unload())
    save_file(found, out)


main(*sys.argv[1:])
