"""Norms of queries and keys that make their product a cosine (Swin V2, arXiv:2111.09883, section 3.2).

Both take and give (B, H, N, K) in any type and compute in fp32, or in fp64 where that comes in.

Shapes: B batch, H heads, N tokens, K head width.
"""

import math

import torch
from torch import Tensor, nn

__all__ = ["ScaledUnitNorm", "UnitNorm", "with_length"]


def with_length(x: Tensor, length: Tensor | float) -> Tensor:
    """Vectors (..., K) in their directions, of `length` (broadcastable to (..., 1)); a vector of zeros stays."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return (x * (length / x.norm(dim=-1, keepdim=True, dtype=dtype).clamp(min=1e-12))).to(x.dtype)


class UnitNorm(nn.Module):
    """Makes keys one long."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, N, K) to (B, H, N, K)."""
        return with_length(x, 1.0)


class ScaledUnitNorm(nn.Module):
    """Makes queries as long as a learned scale of their head says, at most 100, over what attention divides by.

    With keys one long the scores are cosines times that scale, `exp(logit_scale)`.

    Args:
        num_heads: heads H of the attention.
    """

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.full((num_heads, 1, 1), math.log(10)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, N, K) to (B, H, N, K)."""
        scale = self.logit_scale.to(torch.promote_types(x.dtype, torch.float32)).clamp(max=math.log(100)).exp()
        return with_length(x, scale * x.shape[-1] ** 0.5)
