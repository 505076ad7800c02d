"""SRVGG-compact as its authors wrote it (Real-ESRGAN, realesrgan/archs/srvgg_arch.py), for the judges of this folder."""

import torch
from torch import nn
from torch.nn import functional as F


class SRVGGNetCompact(nn.Module):
    def __init__(self, num_in_ch=3, num_out_ch=3, num_feat=64, num_conv=16, upscale=4, act_type="prelu", **_):
        super().__init__()
        assert act_type == "prelu"
        self.upscale = upscale
        self.body = nn.ModuleList([nn.Conv2d(num_in_ch, num_feat, 3, 1, 1), nn.PReLU(num_parameters=num_feat)])
        for _ in range(num_conv):
            self.body += [nn.Conv2d(num_feat, num_feat, 3, 1, 1), nn.PReLU(num_parameters=num_feat)]
        self.body.append(nn.Conv2d(num_feat, num_out_ch * upscale**2, 3, 1, 1))
        self.upsampler = nn.PixelShuffle(upscale)

    def forward(self, x):
        out = x
        for layer in self.body:
            out = layer(out)
        return self.upsampler(out) + F.interpolate(x, scale_factor=self.upscale, mode="nearest")


def images(values, height, width):
    """Pictures of [height, width, 3] one after the other, as a batch [N, 3, height, width] in float64."""
    return torch.tensor(values, dtype=torch.float64).view(-1, height, width, 3).permute(0, 3, 1, 2).contiguous()


def judged(restored, request, scale, parameters):
    """Of pictures that a network made with its tape: they, the mean absolute difference and its gradients by name."""
    loss = (restored - images(request["target"], request["height"] * scale, request["width"] * scale)).abs().mean()
    loss.backward()
    gradients = {f"grad.{name}": value.grad.contiguous() for name, value in parameters}
    return {"restored": restored.detach().permute(0, 2, 3, 1).contiguous(), "loss": loss.detach(), **gradients}
