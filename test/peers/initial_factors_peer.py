"""What PEFT begins adapters with: `lora_A`, `lora_B` and the weight that is left, for each weight of a file.

Arguments: GIVEN OUT CONFIG, where CONFIG is the JSON of LoraConfig but its targets. A name of GIVEN is that of a layer.
With `lora_ga` the gradient of each weight is the weight itself.
"""

import json
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file


class Layers(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        for name, weight in weights.items():
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            layer.weight.data = weight.clone()
            self.add_module(name, layer)


def main(given, out, config):
    weights = load_file(given)
    config = LoraConfig(target_modules=list(weights), **json.loads(config))
    layers = Layers(weights)
    if config.init_lora_weights == "lora_ga":
        # As preprocess_loraga leaves it.
        for name, weight in weights.items():
            getattr(layers, name)._peft_loraga_grad = weight.clone()
    model = get_peft_model(layers, config)
    found = {}
    for name in weights:
        layer = getattr(model.base_model.model, name)
        found[f"{name}.A"] = layer.lora_A["default"].weight.data.contiguous()
        found[f"{name}.B"] = layer.lora_B["default"].weight.data.contiguous()
        found[f"{name}.rest"] = layer.base_layer.weight.data.contiguous()
    save_file(found, out)


main(*sys.argv[1:])
