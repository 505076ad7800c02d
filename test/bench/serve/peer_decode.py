"""The peer of `npm run bench -- serve`: transformers, one request after the other.

Reads one JSON line as request.ts describes it from standard input, and writes one JSON line: tokens
made, wall seconds and processor seconds.
"""

import json
import os
import sys
import time

request = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = str(request["threads"])

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

torch.set_num_threads(request["threads"])
model = AutoModelForCausalLM.from_pretrained(
    request["model"], dtype=torch.float32, attn_implementation="sdpa"
)
model.eval()


def answer(i, tokens):
    prompt = torch.tensor([[100 + 7 * n + i for n in range(32)]])
    made = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        pad_token_id=0,
    )
    return made.shape[1] - prompt.shape[1]


with torch.inference_mode():
    answer(0, 2)
    cpu, start = time.process_time(), time.perf_counter()
    made = sum(answer(i, request["tokens"]) for i in range(request["requests"]))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
print(json.dumps({"tokens": made, "seconds": seconds, "cpuSeconds": cpu_seconds}))
