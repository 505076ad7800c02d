"""Published models of two towers as transformers and PEFT load and compute them in float64.

Arguments: OUT REQUESTS, where REQUESTS is a JSON file: {"name": {"path": folder, "adapter": folder or null, "texts": [...], "pixels": [...], "shape": [N, C, H, W]}, ...}.
Texts are tokenised by the tokenizer in the folder of the model. Attention is `sdpa`: the eager one of CLIP has its softmax in float32.
For each name: `NAME.logits` of all texts for each picture, and `NAME.ids` of the texts, one after the other without padding.
Needs no network: everything is local.
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModel, PreTrainedTokenizerFast

from requests_peer import answer


def compute(request):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{request['path']}/tokenizer.json", pad_token="[PAD]")
    rows = tokenizer(request["texts"], add_special_tokens=True)["input_ids"]
    longest = max(len(row) for row in rows)
    # Behind the first end of a text nothing is read.
    ids = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    model = AutoModel.from_pretrained(request["path"], dtype=torch.float64, attn_implementation="sdpa")
    if request.get("adapter") is not None:
        model = PeftModel.from_pretrained(model, request["adapter"]).double()
    pixels = torch.tensor(request["pixels"], dtype=torch.float32).double().reshape(request["shape"])
    with torch.no_grad():
        logits = model.eval()(input_ids=ids, attention_mask=mask, pixel_values=pixels).logits_per_image
    flat = torch.tensor([one for row in rows for one in row], dtype=torch.int32)
    return {"logits": logits.contiguous(), "ids": flat}


with open(sys.argv[2]) as file:
    answer(sys.argv[1], json.load(file), None, compute)
