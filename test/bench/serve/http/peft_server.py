"""A server that swaps PEFT adapters on one model of transformers, a peer of `npm run bench -- serve-http`.

Arguments: MODEL FOLDER NAMES THREADS PORT. The adapters NAMES (with commas between) lie in folders of FOLDER; all are
loaded before the first request, so that a swap is `set_adapter` and reads no file. Requests wait in one queue: the oldest
is answered next, and with it, as one batch, all that wait for the same adapter (16 at most).
"""

import json
import os
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

model_folder, folder, names, threads, port = sys.argv[1:6]
os.environ["OMP_NUM_THREADS"] = threads

import torch  # noqa: E402
from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

MOST = 16

torch.set_num_threads(int(threads))
tokenizer = AutoTokenizer.from_pretrained(model_folder)
base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="sdpa")
first, *others = names.split(",")
model = PeftModel.from_pretrained(base, f"{folder}/{first}", adapter_name=first)
for name in others:
    model.load_adapter(f"{folder}/{name}", adapter_name=name, low_cpu_mem_usage=True)
model.eval()
waiting = []
changed = threading.Condition()


def answer(requests):
    model.set_adapter(requests[0]["model"])
    longest = max(len(one["prompt"]) for one in requests)
    rows = [[0] * (longest - len(one["prompt"])) + one["prompt"] for one in requests]
    mask = [[0] * (longest - len(one["prompt"])) + [1] * len(one["prompt"]) for one in requests]
    made = model.generate(
        input_ids=torch.tensor(rows),
        attention_mask=torch.tensor(mask),
        do_sample=False,
        max_new_tokens=max(one["max_tokens"] for one in requests),
        pad_token_id=tokenizer.eos_token_id,
    )
    for one, row in zip(requests, made[:, longest:].tolist(), strict=True):
        ids = row[: one["max_tokens"]]
        if tokenizer.eos_token_id in ids:
            ids = ids[: ids.index(tokenizer.eos_token_id)]
        one["answer"].put({"text": tokenizer.decode(ids), "tokens": len(ids)})


def work():
    while True:
        with changed:
            changed.wait_for(lambda: len(waiting) > 0)
            same = [one for one in waiting if one["model"] == waiting[0]["model"]][:MOST]
            for one in same:
                waiting.remove(one)
        with torch.inference_mode():
            answer(same)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply({"status": "ok"})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        one = {**asked, "answer": queue.Queue()}
        with changed:
            waiting.append(one)
            changed.notify()
        made = one["answer"].get()
        self.reply({"choices": [{"text": made["text"]}], "usage": {"completion_tokens": made["tokens"]}})

    def reply(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


threading.Thread(target=work, daemon=True).start()
Server(("127.0.0.1", int(port)), Handler).serve_forever()
