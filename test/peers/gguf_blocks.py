"""Random blocks of every quantised GGUF type with the floats that the package `gguf` makes of them, and random floats with
the blocks that it makes of those, as one safetensors file.

Arguments: OUT
"""

import sys

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

BLOCKS = 97
# Where the half-precision scales stand in a block; all other bytes may be anything.
SCALES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}


def random_blocks(rng, name):
    _, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at in SCALES[name]:
        scale = rng.normal(0, 1, BLOCKS).astype(np.float16)
        scale[0] = 0
        scale[1] = np.float16(6e-8)  # the smallest denormal
        blocks[:, at : at + 2] = scale.view(np.uint8).reshape(BLOCKS, 2)
    return blocks


def random_rows(rng):
    rows = rng.normal(0, 1, (BLOCKS, 32)).astype(np.float32)
    rows[0] = 0
    rows[1] *= 1e-7
    rows[2] *= 1e4
    rows[3] = np.round(rows[3] * 4) / 4  # many ties
    return rows


def main(out):
    rng = np.random.default_rng(7)
    tensors = {}
    for name in SCALES:
        kind = GGMLQuantizationType[name]
        blocks = random_blocks(rng, name)
        tensors[f"decode.{name}.blocks"] = blocks
        tensors[f"decode.{name}.values"] = dequantize(blocks, kind)
    for name in ["Q8_0", "Q4_0"]:
        rows = random_rows(rng)
        tensors[f"encode.{name}.values"] = rows
        tensors[f"encode.{name}.blocks"] = quantize(rows, GGMLQuantizationType[name])
    save_file(tensors, out)


main(sys.argv[1])
