"""Twenty steps of the releases of GaLore and Q-GaLore on given gradients: weights after each step, and when directions were chosen.

A direction of an SVD is defined up to its sign, and means outlive a choice of directions: the releases' results depend on what the
solver happened to return. So the element of the largest magnitude of each direction is made positive, in both. Where two
elements are nearly as large the sign still turns, and the release of Q-GaLore takes that for a change: the size of the cosine is
what it is given here.
"""
import sys
import types

import torch
from safetensors.torch import load_file, save_file


def stub_bitsandbytes():
    """The packages import it at once; the classes that are used here do not need it."""
    package, functional = types.ModuleType("bitsandbytes"), types.ModuleType("bitsandbytes.functional")
    optim, optimizer = types.ModuleType("bitsandbytes.optim"), types.ModuleType("bitsandbytes.optim.optimizer")
    optimizer.Optimizer2State = object
    package.functional, package.optim, optim.optimizer = functional, optim, optimizer
    for module in (package, functional, optim, optimizer):
        sys.modules[module.__name__] = module


stub_bitsandbytes()
from galore_torch import GaLoreAdamW  # noqa: E402
from galore_torch.galore_projector import GaLoreProjector  # noqa: E402
from q_galore_torch import q_galore_projector as lazy_module  # noqa: E402


def with_signs(projector):
    release = projector.get_orthogonal_matrix

    def get_orthogonal_matrix(self, weights, rank, type):
        basis = release(self, weights, rank, type)
        along = 1 if type == "right" else 0
        largest = basis.gather(along, basis.abs().argmax(along, keepdim=True))
        return basis * largest.sign()

    projector.get_orthogonal_matrix = get_orthogonal_matrix


def size_of_cosine(a, b, dim):
    return torch.nn.functional.cosine_similarity(a, b, dim=dim).abs()


lazy_module.F = types.SimpleNamespace(cosine_similarity=size_of_cosine)
with_signs(GaLoreProjector)
LazyProjector = lazy_module.GaLoreProjector
with_signs(LazyProjector)

source, target = sys.argv[1:]
given = load_file(source)
steps = 20
out = {}

for name in ("tall", "wide", "square"):
    weight = torch.nn.Parameter(given[f"{name}.w"].clone())
    group = {"params": [weight], "rank": 6, "update_proj_gap": 7, "scale": 0.25, "proj_type": "std"}
    optimizer = GaLoreAdamW(
        [group], lr=0.01, betas=(0.9, 0.999), eps=1e-12, weight_decay=0.1, no_deprecation_warning=True
    )
    for step in range(steps):
        weight.grad = given[f"{name}.g{step}"].clone()
        optimizer.step()
        out[f"{name}.w{step}"] = weight.detach().clone()

    side = 1 if name == "wide" else 0
    for quant in (False, True):
        # Their groups must divide all values; ours are as long as a direction.
        projector = LazyProjector(
            6, update_proj_gap=2, quant=quant, group_size=given[f"{name}.w"].shape[1 - side],
            n_bit=4, cos_threshold=0.4, gamma_proj=2, queue_size=3,
        )
        chosen = []
        for step in range(steps):
            before = projector.svd_count
            projector.project(given[f"{name}.g{step}"], step)
            chosen.append(projector.svd_count - before)
            basis = projector.ortho_matrix
            if quant:
                basis = projector.ortho_matrix_scales * (basis.float() - projector.ortho_matrix_zeros)
                basis = basis.reshape(projector.ortho_matrix_shape)
            # Directions in rows.
            out[f"{name}.{'coded' if quant else 'exact'}{step}"] = (basis.t() if side else basis).clone().contiguous()
        out[f"{name}.chosen"] = torch.tensor(chosen, dtype=torch.float32)

save_file(out, target)
