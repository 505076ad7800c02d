"""Diffusion transformers as diffusers computes them in float64, as one safetensors file.

Arguments: OUT REQUESTS, where REQUESTS is a file of JSON: {"name": {"path": folder, "noised": [...], "noise": [...], "time": [...], "class": [...]}, ...}, all
flat. For each name: `NAME.noise`, `NAME.loss` (the mean square over all values) and `NAME.grad.PARAMETER`, in which the copies of time step and class in
the blocks are added up under the names of the first. `scheduler`: {"config": {...}, "steps": n} gives `NAME.times` and, of x = 1 and of e = 1, what a
step makes: `NAME.sample`, `NAME.ofNoise`. {"path": folder, "first": [...], "class": [...], "sampler": {...}, "steps": n, "guidance": w} gives
`NAME.pictures`, and `NAME.guided`, the noise found in the first at the `time` of the request; with "tables": folder, inputs of layers are rounded by the tables
of its `integers/`, at first by row 0; with "merge": [{"adapter": folder, "weight": w}, ...], PEFT adds the weighted adapters up. `positions`: [side, width], and `times`: [...], give the tables of diffusers.
"""

import json
import sys

import torch
from diffusers import DDIMScheduler, DiTTransformer2DModel
from diffusers.models import embeddings
from peft import PeftModel
from safetensors.torch import load_file, save_file


def exact_times(times, width, flip_sin_to_cos, downscale_freq_shift, scale=1, max_period=10000):
    """get_timestep_embedding of diffusers, in float64 instead of float32."""
    import math

    half = width // 2
    rates = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float64) / (half - downscale_freq_shift))
    angles = scale * times[:, None].double() * rates[None, :]
    parts = [torch.cos(angles), torch.sin(angles)] if flip_sin_to_cos else [torch.sin(angles), torch.cos(angles)]
    return torch.cat(parts, dim=-1)


def compute(request):
    model = DiTTransformer2DModel.from_pretrained(request["path"]).double().eval()
    embeddings.get_timestep_embedding = exact_times
    config = model.config
    shape = (-1, config.in_channels, config.sample_size, config.sample_size)
    noised = torch.tensor(request["noised"], dtype=torch.float64).reshape(shape)
    noise = torch.tensor(request["noise"], dtype=torch.float64).reshape(shape)
    times, classes = torch.tensor(request["time"]), torch.tensor(request["class"])
    found = model(noised, timestep=times, class_labels=classes).sample[:, : config.in_channels]
    loss = ((found - noise) ** 2).mean()
    loss.backward()
    gradients = {}
    for name, parameter in model.named_parameters():
        if ".norm1.emb." in name:
            name = f"conditioning.{name.split('.norm1.emb.')[1]}"
        if parameter.grad is not None:
            gradients[name] = gradients.get(name, 0) + parameter.grad
    return {
        "noise": found.detach().contiguous(),
        "loss": loss.detach(),
        **{f"grad.{name}": value.contiguous() for name, value in gradients.items()},
    }


def schedule(request):
    scheduler = DDIMScheduler.from_config(request["config"])
    scheduler.set_timesteps(request["steps"])
    one, nothing = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    step = lambda e, x: torch.cat([scheduler.step(e, t, x, eta=0.0).prev_sample for t in scheduler.timesteps])
    return {"times": scheduler.timesteps, "sample": step(nothing, one), "ofNoise": step(one, nothing)}


class Rounded:
    """Rounds what linear layers of a model read, by the row of the denoising step."""

    def __init__(self, model, folder):
        with open(f"{folder}/integers/config.json") as file:
            inputs = json.load(file)["inputs"]
        self.row, self.rows, self.largest = 0, inputs["rows"], 2 ** inputs["bits"] - 1
        tables = load_file(f"{folder}/integers/model.safetensors")
        for path, module in model.named_modules():
            if f"{path}.input_zero_point" in tables:
                scales = tables[f"{path}.input_log_scale"].double().exp()
                zeros = tables[f"{path}.input_zero_point"].double()
                module.register_forward_pre_hook(lambda _, args, s=scales, z=zeros: (self.rounded(args[0], s, z),))

    def rounded(self, x, scales, zeros):
        scale, zero = scales[self.row], zeros[self.row]
        return (torch.clamp(torch.round(x / scale) + zero, 0, self.largest) - zero) * scale


def sample(request):
    model = DiTTransformer2DModel.from_pretrained(request["path"]).double().eval()
    embeddings.get_timestep_embedding = exact_times
    config, scheduler = model.config, DDIMScheduler.from_config(request["sampler"])
    if "adapter" in request:
        model = PeftModel.from_pretrained(model, request["adapter"]).double().eval()
    if "merge" in request:
        names = [f"part{i}" for i in range(len(request["merge"]))]
        first, *others = [part["adapter"] for part in request["merge"]]
        model = PeftModel.from_pretrained(model, first, adapter_name=names[0])
        for name, folder in zip(names[1:], others):
            model.load_adapter(folder, adapter_name=name)
        weights = [part["weight"] for part in request["merge"]]
        model.add_weighted_adapter(names, weights, "merged", combination_type="cat")
        model.set_adapter("merged")
        model = model.double().eval()
    tables = Rounded(model, request["tables"]) if "tables" in request else None
    scheduler.set_timesteps(request["steps"])
    x = torch.tensor(request["first"], dtype=torch.float64)
    x = x.reshape(-1, config.in_channels, config.sample_size, config.sample_size)
    own = torch.tensor(request["class"])
    classes = torch.cat([own, torch.full_like(own, config.num_embeds_ada_norm)])


    def guided(x, t):
        both = torch.cat([x, x])
        found = model(both, timestep=t.expand(len(both)), class_labels=classes).sample[:, : config.in_channels]
        with_class, without = found.chunk(2)
        return without + request["guidance"] * (with_class - without)

    with torch.no_grad():
        at_first = guided(x, torch.tensor(request.get("time", 0)))
        for i, t in enumerate(scheduler.timesteps):
            if tables is not None:
                tables.row = i * tables.rows // request["steps"]
            x = scheduler.step(guided(x, t), t, x, eta=0.0).prev_sample
    return {"pictures": x.contiguous(), "guided": at_first.contiguous()}


def whole_weights(request):
    """Weights of a quantized pipeline, of its integers and of what is beside them; and those in its transformer."""
    folder = request["integers"]
    with open(f"{folder}/integers/config.json") as file:
        weights = json.load(file)["weights"]["config_groups"]["group_0"]["weights"]
    bits, symmetric = weights["num_bits"], weights["symmetric"]
    stored = load_file(f"{folder}/integers/model.safetensors")
    beside = load_file(f"{folder}/low-rank/adapter_model.safetensors")
    dense = load_file(f"{folder}/transformer/diffusion_pytorch_model.safetensors")
    found, most = {}, 0.0
    for name in [key for key in stored if key.endswith(".weight_packed")]:
        path = name.removesuffix(".weight_packed")
        part = lambda suffix: stored.get(f"{path}.{suffix}")
        rows, columns = part("weight_shape").tolist()
        shifts = torch.arange(0, 32, bits)
        words = part("weight_packed").to(torch.int64) & 0xFFFFFFFF
        codes = ((words[:, :, None] >> shifts) & (2**bits - 1)).reshape(rows, -1)[:, :columns]
        assert symmetric, "zero points are packed by columns, which is judged elsewhere"
        scales = part("weight_scale").double()
        values = (codes - 2 ** (bits - 1)).double().reshape(rows, scales.shape[1], -1) * scales[:, :, None]
        values = values.reshape(rows, columns)
        if part("input_divisor") is not None:
            values = values / part("input_divisor").double()
        A, B = (beside[f"base_model.model.{path}.lora_{side}.weight"].double() for side in "AB")
        there = dense[f"{path}.weight"].double()
        most = max(most, ((values + B @ A - there).abs().max() / there.abs().max()).item())
        found[path] = values
    divided = sum(key.endswith(".input_divisor") for key in stored)
    return {"gap": torch.tensor(most), "layers": torch.tensor([len(found), divided])}


def tables(request):
    side, width = request["positions"]
    table = embeddings.PatchEmbed(side, side, 1, 1, width).pos_embed[0]
    times = embeddings.get_timestep_embedding(torch.tensor(request["times"]), 256, True, 1)
    return {"positions": table.contiguous(), "frequencies": times}


def main(out, requests):
    found = {"none": torch.zeros(1)}
    kinds = [("positions", tables), ("config", schedule), ("noised", compute), ("first", sample), ("integers", whole_weights)]
    with open(requests) as file:
        parsed = json.load(file)
    for key, answer in kinds:
        for name, request in parsed.items():
            if key in request:
                found |= {f"{name}.{part}": value for part, value in answer(request).items()}
    save_file(found, out)


main(sys.argv[1], sys.argv[2])
