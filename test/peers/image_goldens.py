# Small pictures and what Pillow makes of them, for tests that run without Python.
#   image_goldens.py > test/golden/pictures.json
import base64
import io
import json

import numpy as np
import PIL
from PIL import Image

random = np.random.default_rng(3)
filters = {"Box": 4, "Bilinear": 2, "Hamming": 5, "Bicubic": 3, "Lanczos": 1}
text = lambda data: base64.b64encode(data).decode()


def picture(width, height, mode):
    y, x = np.mgrid[0:height, 0:width]
    layers = [120 + 9 * x * a - 7 * y * b + random.normal(0, 6, x.shape) for a, b in [(1, 2), (-1, 1), (2, -1)]]
    array = np.clip(np.stack(layers, -1), 0, 255).astype(np.uint8)
    return Image.fromarray(array).convert(mode)


def samples(image):
    channels = 1 if image.mode == "L" else 3
    return {"width": image.width, "height": image.height, "channels": channels, "samples": text(image.tobytes())}


def jpeg(width, height, mode, **options):
    file = io.BytesIO()
    picture(width, height, mode).save(file, "JPEG", **options)
    return {"file": text(file.getvalue()), **samples(Image.open(file))}


def resized(width, height, mode, to, name):
    image = picture(width, height, mode)
    return {"filter": name, "from": samples(image), "to": samples(image.resize(to, filters[name]))}


print(
    json.dumps(
        {
            "command": f"python test/peers/image_goldens.py, Pillow {PIL.__version__}",
            "jpeg": {
                "baseline, 4:2:0, restarts": jpeg(35, 18, "RGB", quality=85, restart_marker_blocks=2),
                "baseline, 4:4:4": jpeg(9, 7, "RGB", quality=60, subsampling="4:4:4"),
                "progressive, 4:2:2": jpeg(21, 11, "RGB", quality=90, progressive=True, subsampling="4:2:2"),
                "progressive, 4:2:0": jpeg(19, 17, "RGB", quality=97, progressive=True),
                "grey": jpeg(10, 10, "L", quality=75),
                "RGB as it is": jpeg(8, 9, "RGB", keep_rgb=True),
            },
            "resize": {
                "down and up": [resized(7, 5, "RGB", (4, 9), name) for name in filters],
                "down": [resized(12, 9, "L", (5, 4), name) for name in filters],
                "height first": [resized(5, 14, "L", (7, 4), name) for name in filters],
            },
        },
        indent=1,
    )
)
