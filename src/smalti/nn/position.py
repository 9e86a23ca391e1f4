"""Where a token stands in a text (1-D) or picture (2-D): fixed sine-cosine tables, rotary angles; a bias for every
offset, learned as a table or as a function. Learned positions are a plain parameter of the model.

Shapes: N tokens of an h x w grid in row order, D width, K head width, H heads.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.nn.precision import ExactLinear

__all__ = [
    "ContinuousBias",
    "RelativeBias",
    "relative_offsets",
    "rope_1d",
    "rope_2d",
    "rotate",
    "rotate_neighbours",
    "sincos_1d",
    "sincos_2d",
    "sixteen_grid",
    "token_grid",
    "turn_grid",
]


def token_grid(grid_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column number of each token, (N,) each."""
    h, w = grid_size
    y, x = torch.meshgrid(torch.arange(h, dtype=torch.float64), torch.arange(w, dtype=torch.float64), indexing="ij")
    return y.flatten(), x.flatten()


def turn_grid(grid_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column of each token's centre on a way of two turns from edge to edge, -2 pi to 2 pi, whatever the grid
    (DINOv3, arXiv:2508.10104)."""
    (h, w), (y, x) = grid_size, token_grid(grid_size)
    return ((y + 0.5) / h - 0.5) * 4 * math.pi, ((x + 0.5) / w - 0.5) * 4 * math.pi


def sixteen_grid(grid_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column of each token on a grid of 16 x 16, whatever its own grid (EVA-02, arXiv:2303.11331)."""
    (h, w), (y, x) = grid_size, token_grid(grid_size)
    return y * 16 / h, x * 16 / w


def falling(number: int, temperature: float) -> Tensor:
    """Frequencies (number,) from 1 down to just above 1 / temperature, each by the same factor (arXiv:1706.03762)."""
    return temperature ** -(torch.arange(number, dtype=torch.float64) / number)


def sincos_1d(num_tokens: int, dim: int, temperature: float = 10_000.0) -> Tensor:
    """Fixed positions (N, D) of a text: half of the width for sines, half for cosines (arXiv:1706.03762, section 3.5,
    in the order of its authors' code)."""
    if dim % 2:
        what = f"embed_dim {dim} is not a multiple of 2, which sine-cosine positions need"
        raise InputError(what, mend=f"use {dim + 1}")
    frequencies = falling(dim // 2, temperature)
    angles = torch.arange(num_tokens, dtype=torch.float64)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def sincos_2d(grid_size: tuple[int, int], dim: int, temperature: float = 10_000.0) -> Tensor:
    """Fixed positions (h * w, D): a quarter of the width each for sin x, cos x, sin y, cos y (MAE, arXiv:2111.06377;
    MoCo v3).
    """
    if dim % 4:
        what = f"embed_dim {dim} is not a multiple of 4, which 2-D sine-cosine positions need"
        raise InputError(what, mend=f"use {dim // 4 * 4 + 4}")
    y, x = token_grid(grid_size)
    frequencies = falling(dim // 4, temperature)
    angles = [axis[:, None] * frequencies for axis in (x, y)]
    return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=1).float()


def rope_1d(num_tokens: int, head_dim: int, *, temperature: float = 10_000.0) -> Tensor:
    """Angles by the place in a text, for `rotate` (RoPE, arXiv:2104.09864): cosines and sines, (2, N, K)."""
    if head_dim % 2:
        what = f"head width {head_dim} is not a multiple of 2, which rotary positions need"
        raise InputError(what, mend="use another embed_dim or num_heads")
    frequencies = falling(head_dim // 2, temperature)
    angles = (torch.arange(num_tokens, dtype=torch.float64)[:, None] * frequencies).repeat(1, 2)
    return torch.stack([angles.cos(), angles.sin()]).float()


def rope_2d(
    grid_size: tuple[int, int],
    head_dim: int,
    *,
    num_prefix_tokens: int = 0,
    temperature: float = 100.0,
    place: Callable[[tuple[int, int]], tuple[Tensor, Tensor]] = token_grid,
) -> Tensor:
    """Angles that turn half of each head by the row and half by the column (RoPE, arXiv:2104.09864; for ViT
    arXiv:2403.13298).

    Prefix tokens (the class token) come first and are not turned. `place` gives row and column of each token of a grid.
    Returns cosines and sines, (2, prefix + h * w, K).
    """
    if head_dim % 4:
        what = f"head width {head_dim} is not a multiple of 4, which 2-D rotary positions need"
        raise InputError(what, mend="use another embed_dim or num_heads")
    y, x = place(grid_size)
    frequencies = falling(head_dim // 4, temperature)
    angles = torch.cat([y[:, None] * frequencies, x[:, None] * frequencies], dim=1)  # (N, K / 2)
    angles = torch.cat([angles.new_zeros(num_prefix_tokens, head_dim // 2), angles])
    angles = angles.repeat(1, 2)  # pairs (i, i + K / 2) turn together
    return torch.stack([angles.cos(), angles.sin()]).float()


def rotate(x: Tensor, rope: Tensor) -> Tensor:
    """Turns each pair (i, i + K / 2) of (B, H, N, K) by the angle of its token, `rope` (2, N, K); lengths stay."""
    cos, sin = rope
    a, b = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-b, a), dim=-1) * sin).to(x.dtype)


def rotate_neighbours(x: Tensor, rope: Tensor) -> Tensor:
    """Turns each pair (2 i, 2 i + 1) of (B, H, N, K) by the angle `rotate` gives to pair (i, i + K / 2): the order of
    arXiv:2104.09864."""
    cos, sin = rope[..., : x.shape[-1] // 2]
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-1).flatten(-2).to(x.dtype)


class RelativeBias(nn.Module):
    """A learned number for every offset between two tokens and every head, added to the scores (BEiT, arXiv:2106.08254;
    Swin, arXiv:2103.14030).

    Args:
        grid_size: (h, w) of the tokens.
        num_heads: heads H of the attention.
        cls_token: a class token comes first; its three relations (to a patch, from one, to itself) have numbers too.
    """

    def __init__(self, grid_size: tuple[int, int], num_heads: int, *, cls_token: bool = False) -> None:
        super().__init__()
        self.grid_size = grid_size
        h, w = grid_size
        count = (2 * h - 1) * (2 * w - 1)
        offsets = relative_offsets(grid_size)
        if cls_token:
            offsets = F.pad(offsets, (1, 0, 1, 0))
            offsets[0], offsets[:, 0], offsets[0, 0] = count, count + 1, count + 2
        self.table = nn.Parameter(torch.zeros(count + 3 * cls_token, num_heads))
        self.offsets: Tensor
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self) -> Tensor:
        """The bias on the scores, (1, H, N, N)."""
        return self.table[self.offsets].permute(2, 0, 1)[None]


class ContinuousBias(nn.Module):
    """A bias for every offset and head as an MLP says it, in (0, 16): a function, so that it fits other windows than it
    was trained in (Swin V2, arXiv:2111.09883, section 3.3).

    It is given offsets on a logarithmic scale, on which the larger ones of a larger window are near to those it knows,
    and answers in fp32.

    Args:
        grid_size: (h, w) of the tokens.
        num_heads: heads H of the attention.
        trained_size: (h, w) of the tokens in pre-training, whose offsets are the unit; None for `grid_size`.
        hidden_dim: width of the MLP.
    """

    def __init__(
        self,
        grid_size: tuple[int, int],
        num_heads: int,
        *,
        trained_size: tuple[int, int] | None = None,
        hidden_dim: int = 512,
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(ExactLinear(2, hidden_dim), nn.ReLU(), ExactLinear(hidden_dim, num_heads, bias=False))
        self.coords: Tensor
        self.register_buffer("coords", log_offsets(grid_size, trained_size or grid_size), persistent=False)
        self.offsets: Tensor
        self.register_buffer("offsets", relative_offsets(grid_size), persistent=False)

    def forward(self) -> Tensor:
        """The bias on the scores, (1, H, N, N)."""
        table = 16 * self.mlp(self.coords).sigmoid()
        return table[self.offsets].permute(2, 0, 1)[None]


def log_offsets(grid_size: tuple[int, int], unit: tuple[int, int]) -> Tensor:
    """(number, 2): rows and columns of each offset, in the order of `relative_offsets`, as
    sign(x) log8(1 + 8 |x|) of x = offset / (unit - 1)."""
    far = [torch.arange(1 - side, side) / max(of - 1, 1) for side, of in zip(grid_size, unit, strict=True)]
    x = torch.stack(torch.meshgrid(*far, indexing="ij"), dim=-1).flatten(0, 1)
    return x.sign() * (8 * x.abs()).log1p() / math.log(8)


def relative_offsets(grid_size: tuple[int, int]) -> Tensor:
    """(N, N) int64: the number of the offset from token j to token i, in [0, (2 h - 1) (2 w - 1)), row by row."""
    (h, w), (y, x) = grid_size, token_grid(grid_size)
    rows, columns = (axis[:, None] - axis + side - 1 for axis, side in ((y, h), (x, w)))
    return (rows * (2 * w - 1) + columns).long()
