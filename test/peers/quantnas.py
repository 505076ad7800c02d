"""Networks that QuantNAS searches (with values rounded) and finds, as a torch module that is rebuilt from their folder."""

import torch
from torch.nn import functional as F

HALF_WAVE = {2: 0.6356366866203315, 3: 0.3720645813370479, 4: 0.21305606790772952, 8: 0.020300567823662602}
OPERATIONS = {
    **{f"simple_{k}x{k}": [(k, 1)] for k in (1, 3, 5)},
    "simple_3x3_grouped_2": [(3, 2)],
    "growth1_3x3": [(3, 1), (3, 1)],
}


def straight(x, rounded):
    return x + (rounded - x).detach()


def half_wave(x, bits):
    step = HALF_WAVE[bits]
    cut = x.clamp(0, step * (2**bits - 1))
    return straight(cut, (cut / step).round() * step)


def learned(weight, log_step, bits):
    step = log_step.exp().view(-1, 1, 1, 1)
    v = (weight / step).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return straight(v, v.round()) * step


def fitted(weight, bits):
    step = weight.detach().abs().amax((1, 2, 3), keepdim=True) / (2 ** (bits - 1) - 1)
    return straight(weight, (weight / step).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * step)


class Network:
    """`tensors` by their names in the folder; `config` is its config.json."""

    def __init__(self, config, tensors):
        self.config, self.t = config, tensors

    def norm(self, x):
        mean = x.mean((1, 2, 3), keepdim=True)
        deviation = ((x - mean).square().mean((1, 2, 3), keepdim=True) + 1e-5).sqrt()
        return (x - mean) / deviation, deviation

    def found(self, x, path, choice):
        for i, (kernel, groups) in enumerate(OPERATIONS[choice["operation"]]):
            weight = learned(self.t[f"{path}.{i}.weight"], self.t[f"{path}.{i}.log_step"], choice["bits"])
            x = F.conv2d(half_wave(x, choice["bits"]), weight, padding=kernel // 2, groups=groups)
        return x

    def searched(self, x, path):
        names, widths = self.config["operations"], self.config["bits"]
        P = self.t[f"{path}.alphas"].softmax(0).view(len(names), len(widths))
        mix = lambda of, shares: sum(share * of(bits) for share, bits in zip(shares, widths))
        read = mix(lambda bits: half_wave(x, bits), P.sum(0))
        total = 0
        for name, shares in zip(names, P):
            y = read
            for i, (kernel, groups) in enumerate(OPERATIONS[name]):
                if i > 0:
                    own = y
                    y = mix(lambda bits: half_wave(own, bits), shares / shares.sum())
                weight = mix(lambda bits: fitted(self.t[f"{path}.{name}.{i}.weight"], bits), shares / shares.sum())
                y = F.conv2d(y, weight, padding=kernel // 2, groups=groups)
            total = total + shares.sum() * y
        return total

    def cell(self, x, i):
        y, deviation = self.norm(x)
        for j in range(2):
            path = f"cells.{i}.{j}"
            y = y if j == 0 else self.norm(y)[0]
            y = y * self.t[f"{path}.norm.weight"].view(-1, 1, 1) + self.t[f"{path}.norm.bias"].view(-1, 1, 1)
            found = self.config.get("genotype")
            y = self.searched(y, path) if found is None else self.found(y, path, found[i][j])
        return x + y * (deviation * self.t[f"cells.{i}.phi"] + self.t[f"cells.{i}.beta"])

    def __call__(self, x):
        y = F.conv2d(x, self.t["head.weight"], self.t["head.bias"], padding=1)
        cells = self.config["num_cells"] if "num_cells" in self.config else len(self.config["genotype"])
        for i in range(cells):
            y = self.cell(y, i)
        y = F.conv2d(y, self.t["tail.weight"], self.t["tail.bias"], padding=1)
        scale = self.config["upscale"]
        return F.pixel_shuffle(y, scale) + F.interpolate(x, scale_factor=scale, mode="nearest")
