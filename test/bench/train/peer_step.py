"""The peer of `npm run bench -- train`: transformers (+ PEFT) training on given token batches, compiled if asked.

Reads one JSON line from standard input:
  {"model": folder, "method": "lora" | "full", "dtype": "float32" | "bfloat16", "threads": n,
   "rank": r, "alpha": a, "learning_rate": lr, "clip": norm | null, "steps": n,
   "compile": bool,   # torch.compile of the model, as the Trainer of transformers does it; it happens in the first step
   "batches": [{"ids": [[...]], "labels": [[...]]}, ...]}   # labels: -100 where nothing is learned
and writes one JSON line: the loss, wall seconds and processor seconds of each step, and the peak
resident memory of the process in bytes.
"""

import json
import os
import sys

request = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = str(request["threads"])

import torch  # noqa: E402
from measured_steps import report  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

torch.set_num_threads(request["threads"])
torch.manual_seed(0)
dtype = getattr(torch, request["dtype"])
model = AutoModelForCausalLM.from_pretrained(
    request["model"], dtype=dtype, attn_implementation="sdpa"
)
model.config.use_cache = False
if request["method"] == "lora":
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        model,
        LoraConfig(
            r=request["rank"],
            lora_alpha=request["alpha"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
forward = torch.compile(model) if request["compile"] else model
optimizer = torch.optim.AdamW(
    trained, lr=request["learning_rate"], betas=(0.9, 0.999), weight_decay=0.0, fused=True
)


def loss_of(batch):
    # transformers shifts labels itself; the caller gives unshifted ones.
    return forward(input_ids=torch.tensor(batch["ids"]), labels=torch.tensor(batch["labels"])).loss


report(request, trained, optimizer, loss_of)
