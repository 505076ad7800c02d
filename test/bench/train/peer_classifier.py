"""The peer of `npm run bench -- encoder`: transformers + PEFT train LoRA of a classifier on given texts, padded to the longest.

Reads one JSON line from standard input:
  {"model": folder, "threads": n, "rank": r, "alpha": a, "learning_rate": lr, "clip": norm, "steps": n,
   "batches": [{"ids": [[...]], "labels": [...]}, ...]}
and writes one JSON line: the loss, wall seconds and processor seconds of each step, and the peak resident memory of the process in
bytes. As PEFT's SEQ_CLS has it the classifier trains whole; dropout of the model is switched off, so that both compute the same.
"""

import json
import os
import sys

request = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = str(request["threads"])

import torch  # noqa: E402
from measured_steps import report  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForSequenceClassification  # noqa: E402

torch.set_num_threads(request["threads"])
torch.manual_seed(0)
model = AutoModelForSequenceClassification.from_pretrained(
    request["model"],
    dtype=torch.float32,
    attn_implementation="sdpa",
    num_labels=2,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
pad = model.config.pad_token_id
model = get_peft_model(
    model,
    LoraConfig(
        r=request["rank"],
        lora_alpha=request["alpha"],
        target_modules=["query", "value"],
        task_type="SEQ_CLS",
    ),
)
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=request["learning_rate"], weight_decay=0.0, fused=True)


def loss_of(batch):
    longest = max(len(row) for row in batch["ids"])
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in batch["ids"]])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch["ids"]])
    return model(input_ids=ids, attention_mask=mask, labels=torch.tensor(batch["labels"])).loss


report(request, trained, optimizer, loss_of)
