"""Weights as bitsandbytes stores them, and logits of a model on such a base, computed by transformers and PEFT.

Arguments: quantize IN OUT REQUESTS, where IN is a safetensors file of matrices and REQUESTS is JSON:
{"name": {"tensor": name in IN, "form": "nf4" | "nf4-double" | "int8", "block": int}, ...}; OUT gets name.codes, name.absmax,
name.values, and for nf4-double name.nested, name.map and name.offset.
Or: logits OUT REQUESTS, JSON as in hf_logits.py with "double": bool and "block" of the base: 4-bit, computed in float32.
torch runs on one thread: the mean of many scales depends on how many add.
"""

import json
import sys

import torch
from bitsandbytes import functional as F
from safetensors.torch import load_file, save_file


def stored(matrix, form, block):
    if form == "int8":
        codes, absmax, _ = F.int8_vectorwise_quant(matrix)
        return {"codes": codes, "absmax": absmax, "values": codes.float() * absmax.view(-1, 1) / 127}
    double = form == "nf4-double"
    codes, state = F.quantize_4bit(
        matrix, blocksize=block, quant_type="nf4", compress_statistics=double
    )
    state.dtype = torch.float32
    parts = {"codes": codes, "absmax": state.absmax, "values": F.dequantize_4bit(codes, state)}
    if double:
        nested = state.state2
        parts |= {"nested": nested.absmax, "map": nested.code, "offset": state.offset.view(1)}
    return parts


def quantize(path, out, requests):
    tensors = load_file(path)
    found = {}
    for name, request in json.loads(requests).items():
        parts = stored(tensors[request["tensor"]], request["form"], request["block"])
        found |= {f"{name}.{part}": value.contiguous().clone() for part, value in parts.items()}
    save_file(found, out)


def logits(out, requests):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    found = {}
    with torch.no_grad():
        for name, request in json.loads(requests).items():
            config = BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=request["double"],
                bnb_4bit_compute_dtype=torch.float32,
            )
            model = AutoModelForCausalLM.from_pretrained(
                request["path"],
                dtype=torch.float32,
                attn_implementation="eager",
                quantization_config=config,
                device_map={"": "cpu"},
            )
            for module in model.modules():
                # Its product for processors with bfloat16 instructions rounds scales and activations to bfloat16.
                if hasattr(module, "support_avx512bf16_for_cpu"):
                    module.support_avx512bf16_for_cpu = False
            model = PeftModel.from_pretrained(model, request["adapter"]).eval()
            ids = torch.tensor([request["ids"]])
            found[name] = model(input_ids=ids, use_cache=False).logits[0].float().contiguous()
    save_file(found, out)


{"quantize": quantize, "logits": logits}[sys.argv[1]](*sys.argv[2:])
