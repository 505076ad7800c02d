# Models in the layouts of GPTQ and AWQ, read by what is published of both: dense weights against
# those that compressed-tensors decodes, and logits of transformers with either.
#   integer_layouts_peer.py COMPRESSED_TENSORS OTHER...
import json
import sys

import numpy as np
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationConfig
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM


def bits_of(words):
    """int32 [..., W] to bits [..., 32 W], the lowest of each word first."""
    as_bytes = np.ascontiguousarray(words.numpy()).view(np.uint8)
    return np.unpackbits(as_bytes, axis=-1, bitorder="little").astype(np.int64)


def codes_of(words, bits):
    """A stream of codes along the last axis."""
    stream = bits_of(words)
    stream = stream.reshape(*stream.shape[:-1], -1, bits)
    return torch.from_numpy((stream << np.arange(bits)).sum(-1))


def gptq(own, config):
    bits = config["bits"]
    codes = codes_of(own["qweight"].T.contiguous(), bits).T
    zeros = codes_of(own["qzeros"], bits)
    assert config["checkpoint_format"] == "gptq" and not config["desc_act"]
    assert (zeros < 2**bits - 1).all(), "a reader that does not wrap would read 2^bits"
    if config["sym"]:
        assert (zeros == 2 ** (bits - 1) - 1).all()
    group = own["g_idx"].long()
    size = len(group) if config["group_size"] == -1 else config["group_size"]
    assert torch.equal(group, torch.arange(len(group)) // size)
    return ((codes - (zeros + 1)[group]) * own["scales"].float()[group]).T


def awq(own, config):
    assert config["bits"] == 4 and config["version"] == "gemm"
    places = [0, 4, 1, 5, 2, 6, 3, 7]  # where output k of eight lies in its word

    def apart(words):
        return torch.stack([words >> (4 * place) & 15 for place in places], dim=-1).flatten(-2)

    codes, zeros = apart(own["qweight"]), apart(own["qzeros"])
    group = torch.arange(len(codes)) // (len(codes) // len(zeros))
    assert len(codes) == (len(zeros) * config["group_size"])
    return ((codes - zeros[group]) * own["scales"].float()[group]).T


def decoded(folder):
    settings = json.load(open(f"{folder}/config.json"))
    config = settings["quantization_config"]
    stored = load_file(f"{folder}/model.safetensors")
    end = "weight_packed" if config["quant_method"] == "compressed-tensors" else "qweight"
    paths = [name.removesuffix(f".{end}") for name in stored if name.endswith(f".{end}")]
    weights = {}
    for path in paths:
        own = {key: stored.pop(f"{path}.{key}") for key in [name.removeprefix(f"{path}.") for name in list(stored) if name.startswith(f"{path}.")]}
        if end == "weight_packed":
            group = QuantizationConfig.model_validate(config).config_groups["group_0"]
            compressor = BaseCompressor.get_value_from_registry("pack-quantized")
            weights[path] = compressor.decompress(own, group)["weight"].float()
        else:
            weights[path] = {"gptq": gptq, "awq": awq}[config["quant_method"]](own, config)
    return settings, weights, stored


def logits_of(folder, weights, others):
    config = AutoConfig.from_pretrained(folder)
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config).eval()
    state = {**others, **{f"{path}.weight": value for path, value in weights.items()}}
    missing = model.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight"}
    model.tie_weights()
    with torch.inference_mode():
        return model(torch.arange(40)[None] * 7 % config.vocab_size).logits


first, *rest = sys.argv[1:]
_, expected, others = decoded(first)
reference = logits_of(first, expected, others)
answers = []
for folder in rest:
    settings, weights, others = decoded(folder)
    assert weights.keys() == expected.keys()
    answers.append({
        "layout": settings["quantization_config"]["quant_method"],
        "layers": len(weights),
        "weights": max((weights[path] - expected[path]).abs().max().item() for path in weights),
        "logits": (logits_of(folder, weights, others) - reference).abs().max().item(),
    })
print(json.dumps(answers))
