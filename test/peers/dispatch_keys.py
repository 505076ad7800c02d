"""Loads libraries of operators, in order, and prints as JSON which operators have a CUDA kernel.

Arguments: LIBRARY... -- OPERATOR...      (an operator is named namespace::name)
"""

import json
import sys

import torch

split = sys.argv.index("--")
for library in sys.argv[1:split]:
    torch.ops.load_library(library)
has = torch._C._dispatch_has_kernel_for_dispatch_key
known = set(torch._C._dispatch_get_all_op_names())
print(
    json.dumps(
        {
            name: {"schema": name in known, "cuda": name in known and has(name, "CUDA")}
            for name in sys.argv[split + 1 :]
        }
    )
)
