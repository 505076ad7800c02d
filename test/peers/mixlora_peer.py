"""A MixLoRA on a model of transformers, in plain torch: each MLP becomes the mixture that the paper defines, computed
for all experts and all tokens, with zeros for the weights of experts that were not chosen."""

import json
import os

import torch
from safetensors.torch import load_file
from torch import nn


class Lora(nn.Module):
    """A linear layer with a low-rank change."""

    def __init__(self, base, a, b, scale):
        super().__init__()
        self.base, self.a, self.b, self.scale = base, nn.Parameter(a), nn.Parameter(b), scale

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T @ self.b.T)


class Mixture(nn.Module):
    def __init__(self, mlp, router, experts, top_k):
        super().__init__()
        self.mlp, self.router, self.top_k = mlp, nn.Parameter(router), top_k
        # Of each expert its layers by name: the MLP is computed with these in place of its own.
        self.experts = nn.ModuleList(nn.ModuleDict(layers) for layers in experts)
        self.own = {name: getattr(mlp, name) for name in experts[0]}

    def forward(self, x):
        p = torch.softmax(x @ self.router.T, dim=-1)
        best = torch.topk(p, self.top_k, dim=-1)
        weights = torch.zeros_like(p).scatter(-1, best.indices, best.values)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        y = torch.zeros_like(x)
        for index, layers in enumerate(self.experts):
            for name, layer in layers.items():
                setattr(self.mlp, name, layer)
            y = y + weights[..., index : index + 1] * self.mlp(x)
        for name, layer in self.own.items():
            setattr(self.mlp, name, layer)
        return y


def is_mixlora(adapter):
    with open(os.path.join(adapter, "adapter_config.json")) as file:
        return json.load(file)["peft_type"] == "MIXLORA"


def with_mixture(model, adapter):
    with open(os.path.join(adapter, "adapter_config.json")) as file:
        config = json.load(file)
    assert config["routing_strategy"] == "mixlora" and config["bias"] == "none"
    tensors = load_file(os.path.join(adapter, "adapter_model.safetensors"))
    scale = config["lora_alpha"] / config["r"]

    def lora(base, prefix):
        a, b = (tensors.pop(f"{prefix}.lora_{factor}.weight") for factor in "AB")
        assert a.shape == (config["r"], base.in_features) and b.shape == (base.out_features, config["r"])
        return Lora(base, a, b, scale)

    for index, layer in enumerate(model.model.layers):
        prefix = f"mixlora.layers.{index}"
        for name in config["target_modules"]:
            if hasattr(layer.self_attn, name):
                setattr(layer.self_attn, name, lora(getattr(layer.self_attn, name), f"{prefix}.self_attn.{name}"))
        names = [name for name in config["target_modules"] if hasattr(layer.mlp, name)]
        experts = [
            {name: lora(getattr(layer.mlp, name), f"{prefix}.mlp.{name}.experts.{expert}") for name in names}
            for expert in range(config["num_experts"])
        ]
        router = tensors.pop(f"{prefix}.mlp.moe_gate.weight")
        layer.mlp = Mixture(layer.mlp, router, experts, config["top_k"])
    assert not tensors, f"unknown tensors: {sorted(tensors)}"
    return model
