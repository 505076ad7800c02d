# Models in the layout of AQLM in the hands of the package aqlm and of transformers: what codes stand for, and logits.
#   aqlm_peer.py MODEL OUT IDS
import json
import sys

import torch
from aqlm import QuantizedLinear
from aqlm.inference_kernels.dequantization import dequantize_gemm
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from aqlm.utils import _dequantize_weight, unpack_int_data

folder, out, ids = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

bits = json.load(open(f"{folder}/config.json"))["quantization_config"]["nbits_per_codebook"]
stored = load_file(f"{folder}/model.safetensors")
answers = {}
for name, codes in stored.items():
    if not name.endswith(".codes"):
        continue
    path = name.removesuffix(".codes")
    unpacked = unpack_int_data(codes, bits)
    answers[f"{path}.weight"] = _dequantize_weight(
        unpacked, stored[f"{path}.codebooks"], stored[f"{path}.scales"]
    ).contiguous()

# The kernel of the package that works for every scheme; those for processors need numba.
def forward(self, x):
    return dequantize_gemm(x, self.codes, self.codebooks, self.scales, self.bias)


QuantizedLinear.forward = forward
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
layers = [module for module in model.modules() if isinstance(module, QuantizedLinear)]
answers["layers"] = torch.tensor([len(layers)])
with torch.inference_mode():
    answers["logits"] = model(torch.tensor([ids])).logits[0].contiguous()
save_file(answers, out)
