"""Published classifiers of pictures as transformers and PEFT load and compute them, from files of pictures.

Arguments: OUT REQUESTS, where REQUESTS is JSON: {"name": {"path": folder, "base": folder?, "names": [...], "pictures": folder, "channels": "L"|"RGB"}, ...}.
With a base, `path` is an adapter, which PEFT puts on it. Pictures are in folders of classes, in order of their paths.
For each name: `NAME.pixels`, of the processor on Pillow that the preprocessor config names, and `NAME.logits`.
Needs no network: everything is local.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from PIL import Image, ImageOps
from safetensors.torch import save_file
from transformers import AutoModelForImageClassification
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

processors = {
    "BitImageProcessor": BitImageProcessorPil,
    "DeiTImageProcessor": DeiTImageProcessorPil,
    "ViTImageProcessor": ViTImageProcessorPil,
}


def opened(request):
    load = AutoModelForImageClassification.from_pretrained
    if request.get("base") is None:
        model = load(request["path"], dtype=torch.float32, attn_implementation="eager")
        assert model.config.id2label == dict(enumerate(request["names"])), model.config.id2label
        return model
    base = load(
        request["base"], dtype=torch.float32, attn_implementation="eager", num_labels=len(request["names"])
    )
    return PeftModel.from_pretrained(base, request["path"])


def values(request):
    folder = Path(request.get("base") or request["path"])
    config = json.loads((folder / "preprocessor_config.json").read_text())
    processor = processors[config["image_processor_type"]].from_pretrained(folder)
    files = sorted(Path(request["pictures"]).glob("*/*"), key=lambda path: path.as_posix())
    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(ImageOps.exif_transpose(image).convert(request["channels"]))
    return torch.tensor(processor(images, return_tensors="np")["pixel_values"], dtype=torch.float32)


def main(out, requests):
    found = {}
    for name, request in json.loads(requests).items():
        pixels = values(request)
        model = opened(request).eval()
        sizes = {} if model.config.model_type == "dinov2" else {"interpolate_pos_encoding": True}
        with torch.no_grad():
            logits = model(pixel_values=pixels, **sizes).logits
        found |= {f"{name}.pixels": pixels.contiguous(), f"{name}.logits": logits.contiguous()}
    save_file(found, out)


main(sys.argv[1], sys.argv[2])
