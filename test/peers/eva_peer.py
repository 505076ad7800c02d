"""What PEFT begins EVA with on a model: `lora_A` of each layer that gets ranks, by the path of the layer.

Arguments: MODEL OUT REQUEST, where REQUEST is JSON: {"r", "rho", "whiten", "ids": [[...], ...]}, documents of one length. PEFT takes the same batch
until its directions settle. Needs no network: everything is local.
"""

import json
import sys

import torch
from peft import EvaConfig, LoraConfig, get_peft_model, initialize_lora_eva_weights
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM


def main(path, out, request):
    request = json.loads(request)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    config = LoraConfig(
        r=request["r"],
        lora_alpha=2 * request["r"],
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        init_lora_weights="eva",
        eva_config=EvaConfig(rho=request["rho"], whiten=request["whiten"]),
    )
    model = get_peft_model(model, config)
    batch = {"input_ids": torch.tensor(request["ids"])}
    initialize_lora_eva_weights(model, [batch], show_progress_bar=False)
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and "default" in module.lora_A:
            path = name.removeprefix("base_model.model.")
            found[path] = module.lora_A["default"].weight.data.contiguous()
            found[f"{path}.scale"] = torch.tensor([module.scaling["default"]])
    save_file(found, out)


main(*sys.argv[1:])
