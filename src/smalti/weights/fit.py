"""Weights of one model in another of the same family: another image size, other channels, other classes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from smalti.embed import resize_matrix, resize_positions
from smalti.errors import InputError, few
from smalti.nn.precision import last_layers

__all__ = ["DifferenceError", "fit_classes", "fit_input", "load_strictly", "resize_relative"]


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


def fit_input(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """A state dict of the model's family, for its image size and channels.

    Learned positions are resized bicubically, as timm and big_vision do it. Biases of offsets are stretched bicubically
    too, where timm spaces them geometrically. The weights of colour channels are summed for one channel, and repeated
    at equal brightness for any other number of them. The grid the weights were learned for is taken to be a square
    unless it has the model's number of tokens.
    """
    wanted = dict(model.state_dict())
    fitted = dict(state)
    fold_prefix(fitted, model)
    for name, tensor in fitted.items():
        target = wanted.get(name)
        if target is None or target.shape == tensor.shape:
            continue
        if name == "pos_embed":
            fitted[name] = fit_positions(tensor, model)
        elif name.endswith("rel_bias.table"):
            fitted[name] = fit_relative(tensor, target, side_of(model, name))
        elif tensor.ndim == 4 and tensor.shape[0] == target.shape[0] and tensor.shape[2:] == target.shape[2:]:
            fitted[name] = fit_channels(tensor, target.shape[1])
    return fitted


def fold_prefix(state: dict[str, Tensor], model: nn.Module) -> None:
    """The position of a class token becomes part of the token, where the model gives positions to patches only."""
    config: Any = getattr(model, "config", None)
    table = state.get("pos_embed")
    if table is None or getattr(config, "pos_prefix", True) or "cls_token" not in state:
        return
    if not is_square(table.shape[1]) and is_square(table.shape[1] - 1):
        state["cls_token"] = state["cls_token"] + table[:, :1]
        state["pos_embed"] = table[:, 1:]


def fit_positions(table: Tensor, model: nn.Module) -> Tensor:
    """Positions (1, prefix + n, D) for the model's grid."""
    vit: Any = model
    prefix = vit.pos_embed.shape[1] - math.prod(vit.grid_size)
    patches = table.shape[1] - prefix
    if not is_square(patches):
        return table  # of another kind: told as a difference
    side = math.isqrt(patches)
    return resize_positions(table, (side, side), vit.grid_size, num_prefix_tokens=prefix)


def fit_relative(table: Tensor, target: Tensor, sides: tuple[int, int]) -> Tensor:
    """Biases of offsets (n + extra, H) for a window or grid of other sides."""
    extra = len(target) - (2 * sides[0] - 1) * (2 * sides[1] - 1)  # of the class token, which stay
    offsets = len(table) - extra
    if not is_square(offsets) or math.isqrt(offsets) % 2 == 0:
        return table
    side = math.isqrt(offsets) // 2 + 1
    return torch.cat([resize_relative(table[:offsets], (side, side), sides), table[offsets:]])


def resize_relative(table: Tensor, old_grid: tuple[int, int], new_grid: tuple[int, int]) -> Tensor:
    """Biases ((2 h - 1) (2 w - 1), H) of the offsets in a grid for those in another; bicubic."""
    (h, w), (tall, wide) = ([2 * side - 1 for side in grid] for grid in (old_grid, new_grid))
    planes = table.unflatten(0, (h, w)).double()
    resized = torch.einsum("yh,xw,hwk->yxk", resize_matrix(h, tall), resize_matrix(w, wide), planes)
    return resized.flatten(0, 1).to(table.dtype)


def fit_channels(weight: Tensor, channels: int) -> Tensor:
    """Weights (D, C, P, P) for another number of channels, equally bright: grey is the sum, others repeat in turn."""
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


def is_square(n: int) -> bool:
    """Whether n tokens can be a square grid."""
    return n > 0 and math.isqrt(n) ** 2 == n


def side_of(model: nn.Module, name: str) -> tuple[int, int]:
    """Height and width of the grid or window whose offsets a bias is for."""
    bias: Any = model.get_submodule(name.removesuffix(".table"))
    return bias.grid_size
