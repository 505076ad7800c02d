"""A tracker of objects as LoRAT computes it, on the trunk of transformers' Dinov2Model."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from transformers import Dinov2Model


class Mlp(nn.Module):
    def __init__(self, width, outputs):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, outputs)])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.gelu(layer(x))
        return self.layers[-1](x)


class Head(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cls_mlp = Mlp(width, 1)
        self.reg_mlp = Mlp(width, 4)


class Tracker(nn.Module):
    """From a folder whose config.json names the sizes of both pictures, or from a trunk and sizes."""

    def __init__(self, folder, sizes=None):
        super().__init__()
        folder = Path(folder)
        sizes = sizes or json.loads((folder / "config.json").read_text())["tracking"]
        self.dinov2 = Dinov2Model.from_pretrained(folder, dtype=torch.float64, attn_implementation="sdpa").eval()
        config = self.dinov2.config
        self.side = config.image_size // config.patch_size
        self.z, self.s = (sizes[name] // config.patch_size for name in ("template", "search"))
        self.token_type_embed = nn.Embedding(3, config.hidden_size)
        self.head = Head(config.hidden_size)
        own = {name: value for name, value in load_file(folder / "model.safetensors").items() if not name.startswith("dinov2.")}
        missing = self.load_state_dict({name: value.double() for name, value in own.items() if name in self.state_dict()}, strict=False)
        self.is_made = any(name.startswith("head.") for name in missing.missing_keys)
        self.double()

    def patches(self, pixels):
        return self.dinov2.embeddings.patch_embeddings.projection(pixels).flatten(2).transpose(1, 2)

    def forward(self, template, search, object_):
        """`[N, s * s, 5]`: a score and four values of a box for each patch of the search picture."""
        width = self.token_type_embed.embedding_dim
        square = self.dinov2.embeddings.position_embeddings[:, 1:].reshape(1, self.side, self.side, width).permute(0, 3, 1, 2)
        size = (self.s, self.s)
        grid = square if self.s == self.side else F.interpolate(square, size=size, mode="bicubic", align_corners=False)
        grid = grid.permute(0, 2, 3, 1)
        cropped = grid[:, : self.z, : self.z].reshape(1, self.z**2, width)
        z = self.patches(template) + cropped + self.token_type_embed(object_)
        x = self.patches(search) + grid.reshape(1, self.s**2, width) + self.token_type_embed.weight[2]
        stream = torch.cat([z, x], 1)
        for layer in self.dinov2.encoder.layer:
            stream = layer(stream)
            stream = stream[0] if isinstance(stream, tuple) else stream
        found = self.dinov2.layernorm(stream)[:, self.z**2 :]
        return torch.cat([self.head.cls_mlp(found), self.head.reg_mlp(found)], -1)


def giou(a, b):
    """Intersection over union, and the generalized one, of boxes [N, 4]: left, top, right, bottom."""
    area = lambda box: (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    sides = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    both = sides[:, 0] * sides[:, 1]
    union = area(a) + area(b) - both
    around = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    whole = around[:, 0] * around[:, 1]
    return both / union, both / union - (whole - union) / whole


def loss_of(outputs, side, boxes, documents, patches):
    """`documents` and `patches`: where objects are, `boxes [N, 4]` in parts of the picture."""
    line = (torch.arange(side, dtype=outputs.dtype) + 0.5) / side
    centre = torch.stack([line.repeat(side), line.repeat_interleave(side)], -1)
    away = outputs[..., 1:].sigmoid()
    found = torch.cat([centre - away[..., :2], centre + away[..., 2:]], -1)[documents, patches]
    right = boxes[documents]
    iou, generalized = giou(found, right)
    aims = torch.zeros_like(outputs[..., 0])
    aims[documents, patches] = iou.detach()
    scores = F.binary_cross_entropy_with_logits(outputs[..., 0], aims, reduction="sum")
    return (scores + (1 - generalized).sum()) / len(documents)
