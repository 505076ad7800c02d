"""Blocks that ggml makes of matrices, through ctypes in the libraries of llama-cpp-python.

Arguments: REQUESTS, a file with JSON: [{"type": number of the type, "rows": n, "columns": n, "values": file of float32,
"importance": file of float32, one a column, or null, "blocks": file that is written}, ...]
"""

import ctypes
import json
import sys
from pathlib import Path

import llama_cpp
import numpy as np

SUFFIX = "dylib" if sys.platform == "darwin" else "so"
BASE = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / f"libggml-base.{SUFFIX}"))
BASE.ggml_row_size.restype = ctypes.c_size_t
BASE.ggml_quantize_chunk.restype = ctypes.c_size_t


def pointer(values):
    return None if values is None else values.ctypes.data_as(ctypes.c_void_p)


def quantize(kind, values, rows, columns, importance):
    size = BASE.ggml_row_size(ctypes.c_int(kind), ctypes.c_int64(columns))
    blocks = np.zeros(rows * size, np.uint8)
    count = (ctypes.c_int64(0), ctypes.c_int64(rows), ctypes.c_int64(columns))
    made = BASE.ggml_quantize_chunk(ctypes.c_int(kind), pointer(values), pointer(blocks), *count, pointer(importance))
    assert made == len(blocks), f"ggml wrote {made} bytes of {len(blocks)}"
    return blocks


def main(requests):
    for one in json.loads(Path(requests).read_text()):
        values = np.fromfile(one["values"], np.float32)
        importance = np.fromfile(one["importance"], np.float32) if one["importance"] else None
        quantize(one["type"], values, one["rows"], one["columns"], importance).tofile(one["blocks"])


if __name__ == "__main__":
    main(sys.argv[1])
