"""How a block adds what it found to what it knew: the residual rule and its gates."""

import torch
from torch import Tensor, nn

__all__ = ["DropPath", "LayerScale", "PostNormResidual", "ResPostNormResidual", "Residual"]


class Residual(nn.Module):
    """`x + gate(fn(norm(x)))`: the one residual rule of the package (pre-norm, arXiv:2002.04745).

    It owns no parameters. Norm, function and gate stay members of the block, under the names that published
    checkpoints use; another wiring is another small class with this signature.

    Args:
        drop_path: share of the samples whose branch training drops (stochastic depth, arXiv:1603.09382).
    """

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__()
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor, norm: nn.Module, fn: nn.Module, gate: nn.Module, **data: object) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `data` (rope, mask) goes to `fn`."""
        return x + self.drop_path(gate(fn(norm(x), **data)))


class ResPostNormResidual(nn.Module):
    """`x + gate(norm(fn(x)))`: what a branch adds is normed, so that deep tokens grow no faster than early ones
    (Swin V2, arXiv:2111.09883, section 3.1).

    Args:
        drop_path: as in `Residual`.
    """

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__()
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor, norm: nn.Module, fn: nn.Module, gate: nn.Module, **data: object) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `data` (rope, mask) goes to `fn`."""
        return x + self.drop_path(gate(norm(fn(x, **data))))


class PostNormResidual(nn.Module):
    """`norm(x + gate(fn(x)))`: the Transformer as it was first published, and BERT (arXiv:1706.03762, section 3.1)."""

    def forward(self, x: Tensor, norm: nn.Module, fn: nn.Module, gate: nn.Module, **data: object) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `data` goes to `fn`."""
        return norm(x + gate(fn(x, **data)))


class LayerScale(nn.Module):
    """A learned gate, one factor a channel, small at the start (CaiT, arXiv:2103.17239)."""

    def __init__(self, dim: int, init: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), init))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        return x * self.gamma


class DropPath(nn.Module):
    """Drops the whole branch of a sample with probability `rate` in training, scaling the kept ones up
    (arXiv:1603.09382).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        if not self.training:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * (kept / (1 - self.rate)).to(x.dtype)

    def extra_repr(self) -> str:
        """The rate, for printing."""
        return f"rate={self.rate:g}"
