"""Where a token stands: fixed 2-D sine-cosine tables and 2-D rotary angles. Learned positions are a plain parameter
of the model.

Shapes: N tokens of an h x w grid in row order, D width, K head width.
"""

import torch
from torch import Tensor

from smalti.errors import InputError

__all__ = ["rope_2d", "rotate", "sincos_2d"]


def sincos_2d(grid_size: tuple[int, int], dim: int, temperature: float = 10_000.0) -> Tensor:
    """Fixed positions (h * w, D): a quarter of the width each for sin x, cos x, sin y, cos y (MAE, arXiv:2111.06377;
    MoCo v3).
    """
    if dim % 4:
        what = f"embed_dim {dim} is not a multiple of 4, which 2-D sine-cosine positions need"
        raise InputError(what, mend=f"use {dim // 4 * 4 + 4}")
    y, x = _grid(grid_size)
    frequencies = temperature ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    angles = [axis[:, None] * frequencies for axis in (x, y)]
    return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=1).float()


def rope_2d(
    grid_size: tuple[int, int], head_dim: int, *, num_prefix_tokens: int = 0, temperature: float = 100.0
) -> Tensor:
    """Angles that turn half of each head by the row and half by the column (RoPE, arXiv:2104.09864; for ViT
    arXiv:2403.13298).

    Prefix tokens (the class token) come first and are not turned. Returns cosines and sines, (2, prefix + h * w, K).
    """
    if head_dim % 4:
        what = f"head width {head_dim} is not a multiple of 4, which 2-D rotary positions need"
        raise InputError(what, mend="use another embed_dim or num_heads")
    y, x = _grid(grid_size)
    frequencies = temperature ** -(torch.arange(head_dim // 4, dtype=torch.float64) / (head_dim // 4))
    angles = torch.cat([y[:, None] * frequencies, x[:, None] * frequencies], dim=1)  # (N, K / 2)
    angles = torch.cat([angles.new_zeros(num_prefix_tokens, head_dim // 2), angles])
    angles = angles.repeat(1, 2)  # pairs (i, i + K / 2) turn together
    return torch.stack([angles.cos(), angles.sin()]).float()


def rotate(x: Tensor, rope: Tensor) -> Tensor:
    """Turns each pair (i, i + K / 2) of (B, H, N, K) by the angle of its token, `rope` (2, N, K); lengths stay."""
    cos, sin = rope
    a, b = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-b, a), dim=-1) * sin).to(x.dtype)


def _grid(grid_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column number of each token, (N,) each."""
    h, w = grid_size
    y, x = torch.meshgrid(torch.arange(h, dtype=torch.float64), torch.arange(w, dtype=torch.float64), indexing="ij")
    return y.flatten(), x.flatten()
