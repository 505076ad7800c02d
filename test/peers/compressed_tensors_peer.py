# Models in the layout of compressed-tensors in the hands of that package and of transformers: what
# integers stand for, and logits.
#   compressed_tensors_peer.py MODEL OUT IDS
import json
import sys

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, CompressedTensorsConfig

folder, out, ids = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

settings = json.load(open(f"{folder}/config.json"))
group = QuantizationConfig.model_validate(settings["quantization_config"]).config_groups["group_0"]
compressor = BaseCompressor.get_value_from_registry("pack-quantized")
stored = load_file(f"{folder}/model.safetensors")
answers = {}
for name in stored:
    if not name.endswith(".weight_packed"):
        continue
    path = name.removesuffix(".weight_packed")
    own = {key.removeprefix(f"{path}."): value for key, value in stored.items() if key.startswith(f"{path}.")}
    answers[f"{path}.weight"] = compressor.decompress(own, group)["weight"].contiguous()
answers["layers"] = torch.tensor([len(answers)])

# Packed zero points are refused where layers stay compressed: the package lays them out
# unpacked then.
kept = {} if group.weights.symmetric else {"quantization_config": CompressedTensorsConfig(dequantize=True)}
model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, settings["dtype"]), **kept)
with torch.inference_mode():
    answers["logits"] = model(torch.tensor([ids])).logits[0].float().contiguous()
save_file(answers, out)
