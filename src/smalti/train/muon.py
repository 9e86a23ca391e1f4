"""Muon for many small matrices, and for kernels: those of one shape move together, in one chain of batched matrix
products."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from smalti.nn.precision import DTYPES, best_precision

__all__ = ["Muon", "orthogonalised"]


class Muon(Optimizer):
    """The rule and the state of `torch.optim.Muon` (Jordan et al. 2024), for kernels of convolutions too, stepping
    matrices of equal shape at once.

    A Transformer has a few shapes many times over, and at the width of a small ViT a matrix product is shorter than the
    call of it. A kernel (O, I, h, w) is a matrix (O, I h w), from patches to channels; torch's takes matrices only.

    Args:
        params: matrices and kernels.
        lr: learning rate, scaled by the shape to the size of AdamW's steps (arXiv:2502.16982), so that one serves both.
        weight_decay: the share of a weight that a step at lr 1 would take.
        momentum: of the running mean of gradients, in [0, 1).
        ns_steps: of the Newton-Schulz iteration that makes a matrix orthogonal.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict],
        *,
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
        ns_steps: int = 5,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.ns_steps = ns_steps

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Moves every matrix that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for matrices in by_shape(p for p in group["params"] if p.grad is not None):
                self.move(matrices, lr=group["lr"], momentum=group["momentum"], weight_decay=group["weight_decay"])
        return loss

    def move(self, weights: list[Tensor], *, lr: float, momentum: float, weight_decay: float) -> None:
        """One step of weights whose matrices are of one shape, up to transposition."""
        ahead = torch.stack([lying(self.follow(p, momentum)) for p in weights])
        rate = lr * 0.2 * max(ahead.shape[1:]) ** 0.5
        for weight, direction in zip(weights, orthogonalised(ahead, steps=self.ns_steps), strict=True):
            weight.mul_(1 - lr * weight_decay)
            step = direction.mT if is_tall(weight) else direction
            weight.add_(step.reshape(weight.shape), alpha=-rate)

    def follow(self, weight: Tensor, momentum: float) -> Tensor:
        """Moves the running mean of a weight's gradients, and gives where it will be next (Nesterov)."""
        gradient = cast(Tensor, weight.grad)
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        return gradient.lerp(state["momentum_buffer"].lerp_(gradient, 1 - momentum), momentum)


def orthogonalised(matrices: Tensor, *, steps: int = 5) -> Tensor:
    """Matrices (..., R, C), R <= C, with all singular values brought near to 1: a few steps of a quintic Newton-Schulz
    iteration, in bf16 where the device has it; others are several times slower in it than in fp32.

    No singular value may be above 1 at first. Jordan et al. divide by the Frobenius norm; the root of that of the Gram
    matrix, which the first step needs anyway, is a closer bound, up to a step's worth of it.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.to(DTYPES[best_precision(matrices.device)[0]])
    gram = x @ x.mT
    squared = gram.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-14)
    x, gram = x * squared.rsqrt(), gram / squared
    for step in range(steps):
        gram = x @ x.mT if step else gram
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def by_shape(weights: Iterable[Tensor]) -> list[list[Tensor]]:
    """Weights whose matrices can be stacked once the tall ones are laid on their side."""
    groups = defaultdict(list)
    for weight in weights:
        groups[lying(weight).shape, weight.dtype].append(weight)
    return list(groups.values())


def lying(weight: Tensor) -> Tensor:
    """A weight of two dimensions or more as a matrix that is not taller than wide."""
    matrix = weight.flatten(1)
    return matrix.mT if is_tall(weight) else matrix


def is_tall(weight: Tensor) -> bool:
    """Whether its matrix, a row for each output, has more rows than columns."""
    return len(weight) > weight[0].numel()
