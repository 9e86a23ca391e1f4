"""Learned positions and patch weights for another grid or another patch: what lets one set of weights read a picture in
several ways.

Resizing is linear and goes along one axis at a time, so both are products with small matrices, made once.
Shapes: N tokens of an h x w grid in row order, P x P a patch, C channels, D width.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["resize_matrix", "resize_patches", "resize_positions"]


@cache
@torch.inference_mode(False)
def resize_matrix(old: int, new: int, *, antialias: bool = True) -> Tensor:
    """Takes `old` numbers in a row to `new` ones, (new, old) float64: bicubic, antialiased where they get fewer.

    Without `antialias` each of fewer numbers is made of the four nearest alone; of more numbers too torch then weighs
    the neighbours otherwise.
    """
    units = torch.eye(old, dtype=torch.float64, device="cpu")  # each column one number; their width stays as it is
    return F.interpolate(units[None, None], (new, old), mode="bicubic", antialias=antialias)[0, 0]


def resize_positions(
    table: Tensor,
    old_grid: tuple[int, int],
    new_grid: tuple[int, int],
    num_prefix_tokens: int = 0,
    *,
    antialias: bool = True,
) -> Tensor:
    """Positions of a grid for another: bicubic, as the published fine-tunings do it (arXiv:2010.11929, section 3.2).

    Args:
        table: (1, prefix + h * w, D).
        old_grid: (h, w) it was learned for.
        new_grid: (h, w) it is wanted for.
        num_prefix_tokens: how many positions of prefix tokens come first; they stay as they are.
        antialias: as in `resize_matrix`.
    """
    if new_grid == old_grid:
        return table
    prefix, patches = table[:, :num_prefix_tokens], table[:, num_prefix_tokens:]
    down, across = (
        resize_matrix(old, new, antialias=antialias).to(table.device, torch.float32)
        for old, new in zip(old_grid, new_grid, strict=True)
    )
    moved = torch.einsum("yh,xw,bhwd->byxd", down, across, patches.float().unflatten(1, old_grid))
    return torch.cat([prefix, moved.flatten(1, 2).to(table.dtype)], dim=1)


def resize_patches(weight: Tensor, patch_size: int) -> Tensor:
    """Weights (D, C, P, P) of patches for patches of another side, (D, C, patch_size, patch_size).

    Scaling the pixels and then weighing them gives what the old weights gave, exactly where patches grow, as nearly as
    can be where they shrink: the weights are multiplied by the pseudo-inverse of the resize (FlexiViT,
    arXiv:2212.08013, section 3.4). Scaling the weights like pictures would not: sums over more pixels are larger.
    """
    if weight.shape[-1] == patch_size:
        return weight
    inverse = resize_matrix(weight.shape[-1], patch_size).pinverse().to(weight.device, torch.float32)
    return torch.einsum("dcab,ay,bx->dcyx", weight.float(), inverse, inverse).to(weight.dtype)
