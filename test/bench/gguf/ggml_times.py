"""Milliseconds that ggml takes to quantize a matrix, once for each line of its input.

Arguments: VALUES ROWS COLUMNS THREADS. A line is the number of a type, and behind it the file of an importance, if any. Rows
are divided over threads as llama.cpp divides them when it writes a file: each takes a range.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "peers"))

from ggml_quantize import quantize


def main(path, rows, columns, threads):
    values = np.fromfile(path, np.float32).reshape(rows, columns)
    parts = np.array_split(values, threads)
    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            kind, *files = line.split()
            importance = np.fromfile(files[0], np.float32) if files else None
            began = time.perf_counter()
            made = [pool.submit(quantize, int(kind), part, len(part), columns, importance) for part in parts]
            for one in made:
                one.result()
            print(1e3 * (time.perf_counter() - began), flush=True)


main(sys.argv[1], *map(int, sys.argv[2:5]))
