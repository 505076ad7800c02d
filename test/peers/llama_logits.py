"""Logits of GGUF files as llama.cpp computes them on the CPU, as JSON: {"name": {"logits": [[...V numbers] a token]}}, or
{"name": {"error": "..."}} for a file that it does not load.

Arguments: OUT REQUESTS, where REQUESTS is a file with JSON: {"name": {"path": GGUF file, "ids": [...],
"lora": GGUF file of an adapter on it, if any}, ...}
"""

import json
import sys

from llama_cpp import Llama


def answer(path, ids, lora=None):
    try:
        model = Llama(
            model_path=path,
            lora_path=lora,
            n_ctx=64,
            n_batch=64,
            # More of them wait for each other at full speed, beside other processes of a test.
            n_threads=1,
            n_threads_batch=1,
            # Keys and values in float32; by default they are rounded to float16.
            type_k=0,
            type_v=0,
            logits_all=True,
            verbose=False,
        )
    except ValueError as error:
        return {"error": str(error)}
    model.eval(ids)
    return {"logits": [[float(z) for z in model.scores[i]] for i in range(len(ids))]}


def main(out, requests):
    with open(requests) as file:
        answers = {name: answer(**request) for name, request in json.load(file).items()}
    with open(out, "w") as file:
        json.dump(answers, file)


main(sys.argv[1], sys.argv[2])
