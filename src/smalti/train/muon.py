"""Muon for many small matrices: those of one shape move together, in one chain of batched matrix products."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

__all__ = ["Muon", "orthogonalised"]


class Muon(torch.optim.Muon):
    """`torch.optim.Muon` (Jordan et al. 2024), the same rule and the same state, stepping matrices of equal shape at
    once.

    A Transformer has a few shapes many times over, and at the width of a small ViT a matrix product is shorter than the
    call of it. Args as `torch.optim.Muon`; `adjust_lr_fn` is "match_rms_adamw" (arXiv:2502.16982), so that one learning
    rate serves it and AdamW.
    """

    def __init__(
        self, params: Iterable[nn.Parameter] | Iterable[dict], *, lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, momentum=momentum, adjust_lr_fn="match_rms_adamw")

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

    def move(self, matrices: list[Tensor], *, lr: float, momentum: float, weight_decay: float) -> None:
        """One step of matrices of one shape, up to transposition."""
        ahead = torch.stack([lying(self.follow(p, momentum)) for p in matrices])
        rate = lr * 0.2 * max(matrices[0].shape) ** 0.5
        for matrix, direction in zip(matrices, orthogonalised(ahead), strict=True):
            matrix.mul_(1 - lr * weight_decay)
            lying(matrix).add_(direction, alpha=-rate)

    def follow(self, matrix: Tensor, momentum: float) -> Tensor:
        """Moves the running mean of a matrix's gradients, and gives where it will be next (Nesterov)."""
        gradient = cast(Tensor, matrix.grad)
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        return gradient.lerp(state["momentum_buffer"].lerp_(gradient, 1 - momentum), momentum)


def orthogonalised(matrices: Tensor, *, steps: int = 5) -> Tensor:
    """Matrices (..., R, C), R <= C, with all singular values brought near to 1: five steps of a quintic Newton-Schulz
    iteration in bf16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16()
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def by_shape(matrices: Iterable[Tensor]) -> list[list[Tensor]]:
    """Matrices that can be stacked once the tall ones are laid on their side."""
    groups = defaultdict(list)
    for matrix in matrices:
        groups[tuple(sorted(matrix.shape)), matrix.dtype].append(matrix)
    return list(groups.values())


def lying(matrix: Tensor) -> Tensor:
    """A view that is not taller than wide."""
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
