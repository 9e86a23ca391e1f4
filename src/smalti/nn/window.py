"""Attention inside the windows of a grid (Swin, arXiv:2103.14030).

Shapes: B batch, N = h * w tokens of a grid, row by row, M = m * m tokens of a window, n windows, D width.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.nn.attention import Attention
from smalti.nn.masks import combine
from smalti.nn.position import RelativeBias

__all__ = ["WindowAttention", "from_windows", "shift_mask", "to_windows"]


def to_windows(x: Tensor, window: tuple[int, int]) -> Tensor:
    """A grid (B, h, w, D) to its windows (B * n, M, D), row by row; h and w are multiples of the window's sides."""
    (m, k), D = window, x.shape[-1]
    x = x.unflatten(2, (-1, k)).unflatten(1, (-1, m))  # (B, h / m, m, w / k, k, D)
    return x.transpose(2, 3).reshape(-1, m * k, D)


def from_windows(windows: Tensor, window: tuple[int, int], grid_size: tuple[int, int]) -> Tensor:
    """Windows (B * n, M, D) back to the grid (B, h, w, D): the inverse of `to_windows`."""
    (m, k), (h, w) = window, grid_size
    x = windows.unflatten(1, (m, k)).unflatten(0, (-1, h // m, w // k))  # (B, h / m, w / k, m, k, D)
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def shift_mask(grid_size: tuple[int, int], window: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """Who may see whom once the grid was rolled by `shift`, (n, M, M): tokens that came round the edge are no
    neighbours of those they lie beside."""
    wrapped = [torch.arange(side) >= side - by for side, by in zip(grid_size, shift, strict=True)]
    regions = (2 * wrapped[0][:, None] + wrapped[1])[None, :, :, None]  # (1, h, w, 1), one of four numbers
    regions = to_windows(regions, window)[..., 0]  # (n, M)
    return regions[:, :, None] == regions[:, None]


class WindowAttention(Attention):
    """Self-attention inside each window of a grid, which may be shifted by some tokens against the grid.

    A grid that windows do not fill is padded with zeros at its end; one smaller than a window is the window.

    Args:
        dim: width D of the tokens.
        num_heads: heads; must divide `dim`.
        grid_size: (h, w) of the tokens.
        window: side of a window, in tokens.
        shift: by how many tokens windows are moved down and right.
        rel_bias: makes the bias on the scores from the sides of a window and `num_heads`.
        options: of `Attention`.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        grid_size: tuple[int, int],
        window: int,
        shift: int = 0,
        rel_bias: Callable[[tuple[int, int], int], nn.Module] = RelativeBias,
        **options: Any,
    ) -> None:
        sides = (min(window, grid_size[0]), min(window, grid_size[1]))
        super().__init__(dim, num_heads, rel_bias=rel_bias(sides, num_heads), **options)
        self.grid_size, self.window = grid_size, sides
        (h, w), (tall, wide) = grid_size, sides
        self.padded = (math.ceil(h / tall) * tall, math.ceil(w / wide) * wide)
        self.shift = (shift if h > tall else 0, shift if w > wide else 0)
        mask = shift_mask(self.padded, self.window, self.shift)[:, None] if any(self.shift) else None
        self.shifted: Tensor | None
        self.register_buffer("shifted", mask, persistent=False)  # (n, 1, M, M)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - nothing continues a grid, so there is no cache
        self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `rope` and `mask` are of one window, (2, M, K) and (M, M)."""
        return self.whole(super().forward(self.windows(x), rope=rope, mask=mask))

    def weights(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """The attention maps of all windows, (B * n, H, M, M), for tokens (B, N, D)."""
        return super().weights(self.windows(x), rope=rope, mask=mask)

    def windows(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to windows (B * n, M, D)."""
        (h, w), (tall, wide) = self.grid_size, self.padded
        x = F.pad(x.unflatten(1, (h, w)), (0, 0, 0, wide - w, 0, tall - h))
        x = x.roll((-self.shift[0], -self.shift[1]), (1, 2))
        return to_windows(x, self.window)

    def whole(self, windows: Tensor) -> Tensor:
        """Windows (B * n, M, D) to tokens (B, N, D)."""
        (h, w), (down, right) = self.grid_size, self.shift
        x = from_windows(windows, self.window, self.padded).roll((down, right), (1, 2))
        return x[:, :h, :w].flatten(1, 2)

    def full_mask(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """What any attention has, and in shifted windows who came round the edge."""
        own = cast(Tensor, combine(super().full_mask(x, mask), self.shifted))  # (1 or n, H, M, M)
        n = own.shape[0]
        return own if n == 1 else own.expand(x.shape[0] // n, *own.shape).flatten(0, 1)
