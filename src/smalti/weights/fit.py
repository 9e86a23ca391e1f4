"""Weights of one model in another of the same family: another image size, other channels, other classes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smalti.embed import resize_positions
from smalti.errors import InputError, few
from smalti.nn.precision import last_layers

__all__ = ["DifferenceError", "fit_classes", "fit_input", "load_strictly", "resize_relative"]

Grid = tuple[int, int]  # height and width in tokens


class DifferenceError(InputError):
    """Weights that are not those of the model.

    Args:
        rows: (name, shape in the file, shape in the model), "" where there is none.
    """

    def __init__(self, rows: Sequence[tuple[str, str, str]], *, where: object) -> None:
        self.rows = tuple(rows)
        names = few([name for name, _, _ in rows])
        super().__init__(
            f"{len(rows)} of its tensors and of the model's do not match ({names})",
            where=where,
            mend="name the preset these weights are of (smalti models lists them)",
        )


def fit_input(
    state: Mapping[str, Tensor], model: nn.Module, learned: nn.Module | None = None, *, antialias: bool = True
) -> dict[str, Tensor]:
    """A state dict of the model's family, for its image size and channels.

    Learned positions are resized bicubically, as timm and big_vision do it; biases of offsets as timm does it, those of
    near offsets staying what they are. The weights of colour channels are summed for one channel, and repeated at equal
    brightness for any other number of them.

    Args:
        state: the weights.
        model: what they are for.
        learned: the model they were learned in, which says the grids: its own weights are not looked at. Where it is
            None, or has another number of tokens, a grid is taken to be the model's if that has as many, else a square.
        antialias: of positions that get fewer; transformers resizes those of its DINOv2 without.
    """
    wanted = dict(model.state_dict())
    fitted = dict(state)
    for name, tensor in state.items():
        target = wanted.get(name)
        if target is None or target.ndim != tensor.ndim:
            continue
        if name == "pos_embed":
            fitted |= fit_positions(state, model, getattr(learned, "grid_size", None), antialias=antialias)
        elif name.endswith("rel_bias.table"):
            old = None if learned is None else side_of(learned, name)
            fitted[name] = fit_relative(tensor, target, side_of(model, name), old)
        elif tensor.ndim == 4 and tensor.shape[0] == target.shape[0] and tensor.shape[2:] == target.shape[2:]:
            fitted[name] = fit_channels(tensor, target.shape[1])
    return fitted


def fit_positions(
    state: Mapping[str, Tensor], model: nn.Module, learned: Grid | None, *, antialias: bool
) -> dict[str, Tensor]:
    """Positions (1, prefix + n, D) for the model's prefix and grid, and the class token that belongs to them.

    The position of a class token becomes part of the token where the model gives positions to patches only. Prefix
    tokens get zeros where the table is of patches only: big_vision adds positions before the class token is there.
    """
    vit: Any = model
    table = state["pos_embed"]
    prefix = vit.pos_embed.shape[1] - math.prod(vit.grid_size)
    other = 0 if prefix else int("cls_token" in state)
    found = find_layout(table.shape[1], (prefix, other), learned, vit.grid_size)
    if found is None:
        return {}  # of another kind: told as a difference
    count, grid = found
    fitted = {}
    if count > prefix:
        fitted["cls_token"] = state["cls_token"] + table[:, :1]
        table = table[:, 1:]
    elif count < prefix:
        table = torch.cat([table.new_zeros(1, prefix, table.shape[2]), table], dim=1)
    return fitted | {"pos_embed": resize_positions(table, grid, vit.grid_size, prefix, antialias=antialias)}


def find_layout(tokens: int, counts: tuple[int, int], learned: Grid | None, own: Grid) -> tuple[int, Grid] | None:
    """How many of a table's positions are of prefix tokens, and the grid of the others; None where none fits.

    Args:
        tokens: of the table.
        counts: of prefix tokens that there can be; first what the model's own table has.
        learned: the grid the table was learned for, if that is known.
        own: the model's.
    """
    known = [(count, learned) for count in counts if learned]
    squares = [(count, (math.isqrt(max(tokens - count, 1)),) * 2) for count in counts]
    tries = [*known, (counts[0], own), *squares]
    return next(((count, grid) for count, grid in tries if count + math.prod(grid) == tokens), None)


def fit_relative(table: Tensor, target: Tensor, sides: Grid, learned: Grid | None = None) -> Tensor:
    """Biases of offsets (n + extra, H) for a window or grid of other sides than those they were learned for."""
    extra = len(target) - count_offsets(sides)  # of the class token, which stay
    offsets = len(table) - extra
    side = (math.isqrt(max(offsets, 1)) + 1) // 2
    tries = [grid for grid in (learned, sides, (side, side)) if grid]
    old = next((grid for grid in tries if count_offsets(grid) == offsets), None)
    if old is None or old == sides:
        return table
    return torch.cat([resize_relative(table[:offsets], old, sides), table[offsets:]])


def count_offsets(grid: Grid) -> int:
    """Offsets between two tokens of a grid."""
    return (2 * grid[0] - 1) * (2 * grid[1] - 1)


def resize_relative(table: Tensor, old_grid: Grid, new_grid: Grid) -> Tensor:
    """Biases ((2 h - 1) (2 w - 1), H) of the offsets in a grid for those in another."""
    planes = table.unflatten(0, [2 * side - 1 for side in old_grid]).double()
    down, across = (offset_matrix(old, new) for old, new in zip(old_grid, new_grid, strict=True))
    return torch.einsum("yh,xw,hwk->yxk", down, across, planes).flatten(0, 1).to(table.dtype)


def offset_matrix(old: int, new: int) -> Tensor:
    """Takes numbers of the offsets along a side of `old` tokens to those along a side of `new`,
    (2 new - 1, 2 old - 1) float64.

    Offsets of one token stay what they are, each further one counts for more tokens than the last by a ratio that
    makes them reach the new side (BEiT's fine-tuning); between them it is linear. On a smaller side far ones fall away.
    """
    low, high = 1.01, 1.5
    ratio = (low + high) / 2
    while high - low > 2e-6:
        low, high = (low, ratio) if sum(ratio**step for step in range(old - 1)) > new - 1 else (ratio, high)
        ratio = (low + high) / 2
    places = np.cumsum([ratio**step for step in range(old - 1)])
    known = np.concatenate([-places[::-1], [0], places])
    units = np.eye(len(known))
    return torch.from_numpy(np.stack([np.interp(np.arange(1 - new, new), known, unit) for unit in units], axis=1))


def fit_channels(weight: Tensor, channels: int) -> Tensor:
    """Weights (D, C, P, P) for another number of channels, equally bright: grey is the sum, others repeat in turn."""
    if channels == weight.shape[1]:
        return weight
    if channels == 1:
        return weight.sum(1, keepdim=True)
    old = weight.shape[1]
    return weight[:, torch.arange(channels) % old] * (old / channels)


def fit_classes(state: Mapping[str, Tensor], model: nn.Module, rows: Mapping[int, int]) -> dict[str, Tensor]:
    """A state dict for the model's classes: last layers keep the rows of classes that stay, the rest is the model's.

    Args:
        state: of the model's family.
        model: with fresh last layers.
        rows: from class numbers of the model to those of `state`.
    """
    fitted = dict(state)
    for layer, module in last_layers(model).items():
        for part, tensor in module.state_dict().items():
            name, fresh = f"{layer}.{part}", tensor.clone()
            for new, old in rows.items():
                if name in state:
                    fresh[new] = state[name][old]
            fitted[name] = fresh
    return fitted


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], *, where: object) -> None:
    """Gives the model its weights. Raises DifferenceError where names or shapes differ, InputError where a weight is no
    finite number.
    """
    wanted = model.state_dict()
    rows = [
        (name, shape(state.get(name)), shape(wanted.get(name)))
        for name in sorted({*state, *wanted})
        if shape(state.get(name)) != shape(wanted.get(name))
    ]
    if rows:
        raise DifferenceError(rows, where=where)
    if broken := [name for name, tensor in state.items() if not tensor.isfinite().all()]:
        raise InputError(f"{few(broken)} holds numbers that are not finite", where=where, mend="get it again")
    model.load_state_dict(dict(state))


def shape(tensor: Tensor | None) -> str:
    """ "768 x 3072", or nothing."""
    return "" if tensor is None else " x ".join(map(str, tensor.shape)) or "1"


def side_of(model: nn.Module, name: str) -> Grid:
    """Height and width of the grid or window whose offsets a bias is for."""
    bias: Any = model.get_submodule(name.removesuffix(".table"))
    return bias.grid_size
