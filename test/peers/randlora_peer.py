"""A RandLoRA adapter with random diagonals as PEFT writes it, and the change of each layer as PEFT computes it, by the path of the layer.

Arguments: MODEL FOLDER OUT REQUEST, where REQUEST is JSON: {"r", "alpha", "targets": [...]}. The adapter lies in FOLDER. Needs no network:
everything is local.
"""

import json
import sys

import torch
from peft import RandLoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM


def main(path, folder, out, request):
    request = json.loads(request)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    config = RandLoraConfig(
        r=request["r"], randlora_alpha=request["alpha"], target_modules=request["targets"], task_type="CAUSAL_LM"
    )
    model = get_peft_model(model, config)
    changes = {}
    with torch.no_grad():
        for name, module in model.named_modules():
            if not (hasattr(module, "randlora_lambda") and "default" in module.randlora_lambda):
                continue
            for diagonal in (module.randlora_lambda, module.randlora_gamma):
                diagonal["default"].copy_(torch.randn_like(diagonal["default"]))
            changes[name.removeprefix("base_model.model.")] = module.get_delta_weight("default").contiguous()
    model.save_pretrained(folder)
    save_file(changes, out)


main(*sys.argv[1:])
