"""Low-rank adaption: a frozen matrix learns by a small product beside it (LoRA, arXiv:2106.09685)."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from smalti.nn.attention import Attention
from smalti.nn.mlp import Mlp, SwiGLU
from smalti.nn.precision import last_layers

__all__ = ["LowRank", "add_lora", "merge_lora"]


class LowRank(nn.Module):
    """W + B A, with B = 0 at first, so that nothing changes until something is learned: the paper's, with alpha = rank.

    Args:
        shape: (R, C) of the matrix W, which is frozen.
        rank: columns of B and rows of A.
    """

    def __init__(self, shape: tuple[int, int], rank: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(rank, shape[1]))
        self.b = nn.Parameter(torch.zeros(shape[0], rank))
        nn.init.kaiming_uniform_(self.a, a=5**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """The matrix (R, C) with what was learned."""
        return weight + self.b @ self.a


def add_lora(model: nn.Module, rank: int) -> None:
    """Freezes `model` but for its last layers, and gives every matrix of an attention or MLP a low-rank neighbour that
    learns.
    """
    model.requires_grad_(False)
    for layer in last_layers(model).values():
        layer.requires_grad_(True)
    for module in list(model.modules()):
        if isinstance(module, Attention | Mlp | SwiGLU):
            for layer in module.children():
                if isinstance(layer, nn.Linear):
                    shape = (layer.out_features, layer.in_features)
                    part = LowRank(shape, rank).to(layer.weight.device)
                    parametrize.register_parametrization(layer, "weight", part)


def merge_lora(model: nn.Module) -> None:
    """Adds what was learned to the matrices and takes the low-rank parts away: the model is the plain one again."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
