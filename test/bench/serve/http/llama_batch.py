"""llama.cpp in one process, with the loop of its own server around it: a peer of `npm run bench -- serve-http`.

Reads a JSON line {"base", "loras", "threads", "together", "context", "tokens", "schedule": [{"adapter", "prompt"}]} from
standard input and writes one: tokens made, wall and processor seconds, and each answer with its tokens. As in its server,
`together` sequences are decoded in one batch where they have the same adapter, and those of each other adapter in a
batch of their own: an adapter is set for a whole context. No HTTP, no queue, and the likeliest token is found by numpy,
so that what is left is llama.cpp.
"""

import ctypes
import json
import sys
import time
from itertools import groupby

import llama_cpp as llama
import numpy as np

request = json.loads(sys.stdin.readline())
together, most, asked = request["together"], request["context"], request["tokens"]


@llama.llama_log_callback
def silent(_level, _text, _data):
    pass


llama.llama_log_set(silent, ctypes.c_void_p(0))
llama.llama_backend_init()
model = llama.llama_model_load_from_file(request["base"].encode(), llama.llama_model_default_params())
options = llama.llama_context_default_params()
options.n_ctx = together * most
options.n_batch = options.n_ubatch = 512
options.n_seq_max = together
options.n_threads = options.n_threads_batch = request["threads"]
context = llama.llama_init_from_model(model, options)
memory = llama.llama_get_memory(context)
vocabulary = llama.llama_model_get_vocab(model)
size = llama.llama_vocab_n_tokens(vocabulary)
adapters = [llama.llama_adapter_lora_init(model, path.encode()) for path in request["loras"]]
batch = llama.llama_batch_init(512, 0, 1)


class Slot:
    def __init__(self, at, number, adapter, prompt):
        self.at, self.number, self.adapter = at, number, adapter
        self.ids, self.cached, self.made = prompt, 0, []


def decode(slots):
    """Gives each of them a token; all have the same adapter."""
    own = (llama.llama_adapter_lora_p_ctypes * 1)(adapters[slots[0].adapter])
    llama.llama_set_adapters_lora(context, own, 1, (ctypes.c_float * 1)(1.0))
    count, ends = 0, []
    for slot in slots:
        for place, token in enumerate(slot.ids):
            batch.token[count] = token
            batch.pos[count] = slot.cached + place
            batch.n_seq_id[count] = 1
            batch.seq_id[count][0] = slot.at
            batch.logits[count] = place == len(slot.ids) - 1
            count += 1
        ends.append(count - 1)
    batch.n_tokens = count
    if llama.llama_decode(context, batch) != 0:
        raise SystemExit("llama_decode failed")
    for slot, end in zip(slots, ends, strict=True):
        logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, end), (size,))
        token = int(logits.argmax())
        slot.cached += len(slot.ids)
        slot.ids = [token]
        if not llama.llama_vocab_is_eog(vocabulary, token):
            slot.made.append(token)
        slot.over = llama.llama_vocab_is_eog(vocabulary, token) or len(slot.made) == asked


def step(slots):
    """A batch holds 512 tokens: prompts of 16 requests are no more."""
    for _, same in groupby(sorted(slots, key=lambda one: one.adapter), key=lambda one: one.adapter):
        decode(list(same))


def text_of(ids):
    tokens = (llama.llama_token * len(ids))(*ids)
    buffer = ctypes.create_string_buffer(64 * len(ids) + 64)
    length = llama.llama_detokenize(vocabulary, tokens, len(ids), buffer, len(buffer), False, True)
    return buffer.raw[:length].decode(errors="replace")


def answer(schedule):
    answers = [None] * len(schedule)
    waiting = list(enumerate(schedule))
    free, live = list(range(together)), []
    while waiting or live:
        while waiting and free:
            number, one = waiting.pop(0)
            live.append(Slot(free.pop(), number, one["adapter"], one["prompt"]))
        step(live)
        for slot in [one for one in live if one.over]:
            live.remove(slot)
            llama.llama_memory_seq_rm(memory, slot.at, -1, -1)
            free.append(slot.at)
            answers[slot.number] = slot.made
    return answers


asked, whole = 2, asked
answer(request["schedule"][:2])
asked = whole
processor, start = time.process_time(), time.perf_counter()
answers = answer(request["schedule"])
seconds, processor = time.perf_counter() - start, time.process_time() - processor
tokens = sum(len(one) for one in answers)
found = [{"text": text_of(one), "tokens": len(one)} for one in answers]
print(json.dumps({"tokens": tokens, "seconds": seconds, "processor": processor, "waits": [], "answers": found}))
