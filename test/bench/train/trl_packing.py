"""The peer of the packing figure: TRL's SFTTrainer, with packing or without, on conversations of different lengths.

Reads one JSON line from standard input:
  {"model": folder, "data": conversations as JSON lines, "template": text, "threads": n, "rank": r,
   "alpha": a, "learning_rate": lr, "rows": r, "length": t, "steps": n, "packing": bool,
   "defaults": bool}   # as users get it: activations are recomputed unless that is switched off
and writes one JSON line: target tokens and wall seconds of each step, and the peak resident memory.
"""

import json
import os
import resource
import sys
import tempfile
import time

request = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = str(request["threads"])
report = sys.stdout
sys.stdout = sys.stderr  # the trainer prints

import torch  # noqa: E402
from datasets import load_dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

torch.set_num_threads(request["threads"])
model = AutoModelForCausalLM.from_pretrained(
    request["model"], dtype=torch.float32, attn_implementation="sdpa"
)
tokenizer = AutoTokenizer.from_pretrained(request["model"])
tokenizer.chat_template = request["template"]
own = {} if request["defaults"] else {"gradient_checkpointing": False}
data = load_dataset("json", data_files=request["data"], split="train")

learned, walls = [], []


class Clock(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        self.began = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        walls.append(time.perf_counter() - self.began)


class Counting(SFTTrainer):
    def compute_loss(self, model, inputs, *args, **kwargs):
        # A label is predicted from the token before it: the first of a row never is.
        learned.append(int((inputs["labels"][:, 1:] != -100).sum()))
        return super().compute_loss(model, inputs, *args, **kwargs)


with tempfile.TemporaryDirectory() as folder:
    trainer = Counting(
        model=model,
        processing_class=tokenizer,
        train_dataset=data,
        peft_config=LoraConfig(
            r=request["rank"],
            lora_alpha=request["alpha"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        args=SFTConfig(
            output_dir=folder,
            packing=request["packing"],
            assistant_only_loss=True,
            max_length=request["length"],
            per_device_train_batch_size=request["rows"],
            gradient_accumulation_steps=1,
            max_steps=request["steps"],
            learning_rate=request["learning_rate"],
            save_strategy="no",
            report_to="none",
            logging_steps=1,
            use_cpu=True,
            bf16=False,
            dataloader_num_workers=0,
            **own,
        ),
        callbacks=[Clock()],
    )
    trainer.train()

peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
steps = [{"learned": n, "wall": w} for n, w in zip(learned, walls)]
print(json.dumps({"steps": steps, "peak": peak}), file=report)
