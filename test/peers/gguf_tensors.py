"""SHA-256 of every tensor of a GGUF file as float32 in the layout of Hugging Face, by its GGUF name, as JSON: decoded by the
package `gguf`, q and k of Llama put from neighbouring pairs into halves, norms of Gemma without their 1.

Arguments: FILE
"""

import hashlib
import json
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize


def main(path):
    reader = GGUFReader(path)
    field = lambda key: reader.fields[key].contents()
    arch = field("general.architecture")
    heads = {
        "attn_q": field(f"{arch}.attention.head_count"),
        "attn_k": field(f"{arch}.attention.head_count_kv"),
    }
    digests = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        values = values.reshape(tensor.shape[::-1]).astype(np.float32)
        part = tensor.name.split(".")[-2]
        if arch == "llama" and part in heads:
            n = heads[part]
            rows, columns = values.shape
            grouped = values.reshape(n, rows // n // 2, 2, columns)
            values = grouped.swapaxes(1, 2).reshape(rows, columns)
        if arch.startswith("gemma") and part.endswith("norm"):
            values = values - np.float32(1)
        digests[tensor.name] = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    print(json.dumps(digests))


main(sys.argv[1])
