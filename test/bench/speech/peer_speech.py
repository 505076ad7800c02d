"""The peer of `npm run bench -- speech`: transformers + PEFT train LoRA of Whisper on given sounds, texts padded to the longest.

Reads one JSON line from standard input:
  {"model": folder, "threads": n, "rank": r, "alpha": a, "learning_rate": lr, "clip": norm, "steps": n, "frames": n,
   "batches": [{"ids": [[...]], "mel": file of float32 [texts, 80, frames]}, ...]}
and writes one JSON line: the loss, wall seconds and processor seconds of each step, and the peak resident memory of the process in
bytes. A window shorter than half a minute takes the first positions of the encoder, as ours does.
"""

import json
import os
import sys

request = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = str(request["threads"])

import torch  # noqa: E402

sys.path.append(os.path.join(os.path.dirname(__file__), "../train"))
from measured_steps import report  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import WhisperForConditionalGeneration  # noqa: E402

torch.set_num_threads(request["threads"])
torch.manual_seed(0)
model = WhisperForConditionalGeneration.from_pretrained(request["model"], dtype=torch.float32, attn_implementation="sdpa")
positions = request["frames"] // 2
encoder = model.model.encoder
encoder.embed_positions = torch.nn.Embedding.from_pretrained(encoder.embed_positions.weight[:positions].detach().clone())
encoder.config.max_source_positions = positions
encoder.max_source_positions = positions
model = get_peft_model(model, LoraConfig(r=request["rank"], lora_alpha=request["alpha"], target_modules=["q_proj", "v_proj"]))
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=request["learning_rate"], weight_decay=0.0, fused=True)
end = model.config.pad_token_id


def loss_of(batch):
    rows = batch["ids"]
    longest = max(len(row) for row in rows) - 1
    ids = torch.tensor([row[:-1] + [end] * (longest - len(row) + 1) for row in rows])
    # The second token of a text is given, as the first one is.
    labels = torch.tensor([[-100] + row[2:] + [-100] * (longest - len(row) + 1) for row in rows])
    with open(batch["mel"], "rb") as file:
        mel = torch.frombuffer(bytearray(file.read()), dtype=torch.float32).reshape(len(rows), 80, -1)
    return model(input_features=mel, decoder_input_ids=ids, labels=labels, use_cache=False).loss


report(request, trained, optimizer, loss_of)
