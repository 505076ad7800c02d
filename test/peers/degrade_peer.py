"""Degraded pictures by Pillow, and likenesses by NumPy, as one safetensors file.

Arguments: OUT PICTURES REQUESTS. PICTURES is a safetensors file of uint8 pictures [height, width] or [height, width, 3]. REQUESTS is
JSON: {"name": {"of": picture, "jpeg": quality} or {"of": picture, "downUp": factor} or {"of": picture, "target": picture, "border": int}}.
"""

import io
import json
import sys

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file


def saved(picture, quality):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def down_up(picture, factor):
    image = Image.fromarray(picture)
    small = image.resize([max(1, side // factor) for side in image.size], Image.Resampling.BICUBIC)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC))


def brightness(picture, border):
    y = picture.astype(np.float64) / 255 @ np.array([65.481, 128.553, 24.966]) + 16
    return y[border : y.shape[0] - border, border : y.shape[1] - border]


def ssim(a, b):
    """Wang et al. 2004: means over Gaussian windows of 11 x 11 that lie inside."""
    places = np.arange(11) - 5
    one = np.exp(-(places**2) / (2 * 1.5**2))
    window = np.outer(one, one) / np.outer(one, one).sum()

    def mean(x):
        return (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-1, -2))

    u, v = mean(a), mean(b)
    spread_a, spread_b, both = mean(a * a) - u * u, mean(b * b) - v * v, mean(a * b) - u * v
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (((2 * u * v + c1) * (2 * both + c2)) / ((u * u + v * v + c1) * (spread_a + spread_b + c2))).mean()


def main(out, pictures, requests):
    of, found = load_file(pictures), {}
    for name, request in json.loads(requests).items():
        picture = of[request["of"]]
        if "jpeg" in request:
            found[name] = saved(picture, request["jpeg"])
        elif "downUp" in request:
            found[name] = down_up(picture, request["downUp"])
        else:
            a, b = (brightness(x, request["border"]) for x in (picture, of[request["target"]]))
            psnr = 10 * np.log10(255**2 / np.mean((a - b) ** 2))
            found[name] = np.array([psnr, ssim(a, b)])
    save_file({name: np.ascontiguousarray(value) for name, value in found.items()}, out)


main(*sys.argv[1:])
