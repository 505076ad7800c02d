# A model in the layout of compressed-tensors with a PEFT adapter in its folder low-rank, put
# together by transformers and PEFT: logits with and without it.
#   low_rank_peer.py MODEL OUT IDS
import json
import sys

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, CompressedTensorsConfig

folder, out, ids = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
settings = json.load(open(f"{folder}/config.json"))

# On layers that stay compressed PEFT finds no weight.
dense = CompressedTensorsConfig(dequantize=True)
dtype = getattr(torch, settings["dtype"])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, quantization_config=dense)
whole = PeftModel.from_pretrained(model, f"{folder}/low-rank").eval()
layers = [module for module in whole.modules() if isinstance(module, LoraLayer)]
with torch.inference_mode():
    logits = whole(torch.tensor([ids])).logits[0].float().contiguous()
    with whole.disable_adapter():
        without = whole(torch.tensor([ids])).logits[0].float().contiguous()
save_file({"logits": logits, "without": without, "layers": torch.zeros(len(layers))}, out)
