# Pictures, and what Pillow and transformers make of them, as files for our own code to be held
# against. Everything is drawn from one seed; FOLDER/made-*.png are pictures of ours, to be read too.
#   images_peer.py FOLDER
# Writes FOLDER/cases.json and, beside it, the files it names: pictures as PNG or JPEG, samples as
# bytes [H, W, C], pixel values as float32 [C, H, W].
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

folder = Path(sys.argv[1])
random = np.random.default_rng(7)
filters = {"Box": 4, "Bilinear": 2, "Hamming": 5, "Bicubic": 3, "Lanczos": 1}
taken = 0


def stored(data):
    global taken
    taken += 1
    name = f"{taken}.bin"
    (folder / name).write_bytes(data)
    return name


def samples(image):
    array = np.asarray(image)
    channels = 1 if array.ndim == 2 else array.shape[2]
    return {
        "width": image.width,
        "height": image.height,
        "channels": channels,
        "samples": stored(array.tobytes()),
    }


def noise(width, height, mode="RGB"):
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,)}[mode]
    return Image.fromarray(random.integers(0, 256, (height, width, *channels), dtype=np.uint8), mode)


def scene(width, height, mode="RGB"):
    """Smooth shades with hard edges, as photographs have."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    layers = []
    for _ in range(3):
        a, b, c = random.uniform(0.02, 0.4, 3)
        layer = 127 + 80 * np.sin(a * x + c) + 45 * np.cos(b * y)
        layer[(x + y) % 23 < 6] = random.integers(0, 256)
        layers.append(layer + random.normal(0, 3, layer.shape))
    array = np.clip(np.stack(layers, -1), 0, 255).astype(np.uint8)
    return Image.fromarray(array).convert(mode)


def decoded(name):
    with Image.open(folder / name) as image:
        upright = ImageOps.exif_transpose(image)
        # Grey with alpha of 16 bits is opened as RGBA.
        grey = upright.mode in ("1", "L", "LA") or name.startswith("made-4-")
        return {"file": name, **samples(upright.convert("L" if grey else "RGB"))}


def saved(name, image, **options):
    image.save(folder / name, **options)
    return decoded(name)


def png_cases():
    for width, height in [(1, 1), (7, 5), (33, 20)]:
        for mode in ["L", "RGB", "RGBA", "LA"]:
            yield saved(f"{mode}-{width}.png", noise(width, height, mode))
        yield saved(f"scene-{width}.png", scene(width, height))
        one = noise(width, height, "L").point(lambda value: 255 * (value > 99)).convert("1")
        yield saved(f"1-{width}.png", one)
        for bits in [1, 2, 4, 8]:
            colours = scene(width, height).quantize(2**bits)
            yield saved(f"P{bits}-{width}.png", colours, bits=bits)
    # A transparent colour changes no sample.
    yield saved("clear-P.png", scene(21, 9).quantize(16), transparency=3)
    yield saved("clear-RGB.png", scene(21, 9), transparency=(1, 2, 3))
    yield saved("clear-L.png", scene(21, 9, "L"), transparency=7)
    for path in sorted(folder.glob("made-*.png")):
        yield decoded(path.name)


def jpeg_cases():
    number = 0
    for width, height in [(1, 1), (2, 3), (5, 9), (16, 16), (17, 33), (61, 40)]:
        for subsampling in ["4:4:4", "4:2:2", "4:2:0"]:
            for progressive in [False, True]:
                for quality in [15, 92]:
                    number += 1
                    made = scene if number % 4 else noise
                    options = {"quality": quality, "subsampling": subsampling}
                    options |= {"progressive": progressive, "optimize": number % 3 == 0}
                    if number % 5 == 0:
                        options["restart_marker_blocks"] = 3
                    yield saved(f"{number}.jpg", made(width, height), **options)
        for progressive in [False, True]:
            name = f"grey-{width}-{progressive}.jpg"
            yield saved(name, scene(width, height, "L"), quality=70, progressive=progressive)
    yield saved("kept-rgb.jpg", scene(20, 13), keep_rgb=True)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for end, options in [("jpg", {"quality": 80}), ("png", {})]:
            yield saved(f"turned-{orientation}.{end}", scene(19, 12), exif=exif, **options)


def resize_cases():
    sizes = [(1, 1), (3, 2), (7, 20), (31, 17), (64, 48)]
    for index in range(120):
        width, height = sizes[index % len(sizes)]
        mode = "L" if index % 3 == 0 else "RGB"
        image = (noise if index % 2 else scene)(width, height, mode)
        name = list(filters)[index % len(filters)]
        # Up, down, and one side as it is.
        to = [int(each) for each in random.integers(1, 90, 2)]
        if index % 7 == 0:
            to[index % 2] = image.size[index % 2]
        result = image.resize(to, filters[name])
        yield {"filter": name, "from": samples(image), "to": samples(result)}


def grey_cases():
    for width, height in [(1, 1), (64, 48), (256, 256)]:
        image = noise(width, height)
        yield {"from": samples(image), "to": samples(image.convert("L"))}


def processor_cases():
    small = {"size": {"height": 30, "width": 30}}
    crop = {"crop_size": {"height": 24, "width": 24}}
    edge = {"size": {"shortest_edge": 30}}
    imagenet = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    processors = [
        ViTImageProcessorPil(),
        ViTImageProcessorPil(**small, resample=3, do_normalize=False),
        ViTImageProcessorPil(do_resize=False, do_rescale=False),
        DeiTImageProcessorPil(**imagenet),
        DeiTImageProcessorPil(**small, **crop),
        BitImageProcessorPil(size={"shortest_edge": 256}, **imagenet),
        BitImageProcessorPil(**edge, **crop, resample=1),
        # The crop is larger than the picture: black borders.
        BitImageProcessorPil(**edge, crop_size={"height": 37, "width": 52}),
        CLIPImageProcessorPil(),
        CLIPImageProcessorPil(**edge, **crop),
        CLIPImageProcessorPil(**edge, do_center_crop=False, rescale_factor=1 / 127.5),
    ]
    for index, processor in enumerate(processors):
        for width, height, mode in [(50, 41, "RGB"), (33, 64, "RGB"), (28, 28, "L")]:
            if mode == "L" and not processor.do_convert_rgb:
                continue
            image = (scene if index % 2 else noise)(width, height, mode)
            values = processor(image, return_tensors="np")["pixel_values"][0].astype(np.float32)
            yield {
                "config": json.loads(processor.to_json_string()),
                "from": samples(image),
                "shape": values.shape,
                "values": stored(values.tobytes()),
            }


cases = {
    "png": list(png_cases()),
    "jpeg": list(jpeg_cases()),
    "resize": list(resize_cases()),
    "grey": list(grey_cases()),
    "processors": list(processor_cases()),
}
(folder / "cases.json").write_text(json.dumps(cases))
