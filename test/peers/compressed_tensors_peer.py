# Models in layouts of compressed-tensors in the hands of that package and of transformers: what
# codes stand for, and logits, with inputs rounded where the model says so.
#   compressed_tensors_peer.py IDS MODEL OUT [MODEL OUT …]
# MODEL may be MODEL:ADAPTER, with an adapter of PEFT on it.
import json
import sys

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationConfig
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, CompressedTensorsConfig


def watch(model, answers):
    """What each quantized layer is given, and what it answers."""
    for path, module in model.named_modules():
        if hasattr(module, "quantization_scheme"):
            module.register_forward_hook(
                lambda _, given, output, path=path: answers.update(
                    {f"{path}.input": given[0][0].clone(), f"{path}.output": output[0].clone()}
                )
            )


def run(folder, adapter, dtype, symmetric, ids, answers):
    # Packed zero points are refused where layers stay compressed: the package lays them out
    # unpacked then.
    kept = {} if symmetric else {"quantization_config": CompressedTensorsConfig(dequantize=True)}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), **kept)
    watch(model, answers)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.inference_mode():
        answers["logits"] = model(torch.tensor([ids])).logits[0].float().contiguous()


def judge(place, out, ids):
    folder, _, adapter = place.partition(":")
    settings = json.load(open(f"{folder}/config.json"))
    config = QuantizationConfig.model_validate(settings["quantization_config"])
    groups = list(config.config_groups.values())
    compressor = BaseCompressor.get_value_from_registry(config.format)
    stored = load_file(f"{folder}/model.safetensors")
    answers = {}
    for name in stored:
        if not name.endswith(".weight_scale"):
            continue
        path = name.removesuffix(".weight_scale")
        [group] = [each for each in groups if path in each.targets or each.targets == ["Linear"]]
        own = {key.removeprefix(f"{path}."): value for key, value in stored.items() if key.startswith(f"{path}.")}
        answers[f"{path}.weight"] = compressor.decompress(own, group)["weight"].contiguous()
    answers["layers"] = torch.tensor([len(answers)])

    # Values of e2m1 are bfloat16 once unpacked, and meet no input in float32.
    if "fp4" not in config.format or settings["dtype"] != "float32":
        symmetric = all(each.weights.symmetric for each in groups)
        run(folder, adapter, settings["dtype"], symmetric, ids, answers)
    save_file(answers, out)


ids, *folders = sys.argv[1:]
for place, out in zip(folders[::2], folders[1::2]):
    judge(place, out, json.loads(ids))
