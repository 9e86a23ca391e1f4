"""Models of names and shapes only, built quickly.

On the meta device to draw first values takes five times as long as to build the layer, and Swin reckons the same
offsets and masks again in every block.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from smalti.nn import position, window

FILLS = {getattr(Tensor, n) for n in ("normal_", "uniform_", "erfinv_", "mul_", "add_", "clamp_", "zero_", "fill_")}
STARTS = [name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]
REPEATED = {
    (position, "relative_offsets"): cache(position.relative_offsets),
    (position, "log_offsets"): cache(position.log_offsets),
    (window, "shift_mask"): cache(window.shift_mask),
}


class Unfilled(TorchFunctionMode):
    """Inside, what gives a tensor its first values does nothing."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func in FILLS else func(*args, **(kwargs or {}))


def kept(tensor: Tensor, *args: object, **kwargs: object) -> Tensor:
    """A tensor as it is, whatever is to be drawn."""
    return tensor


@contextmanager
def hollow() -> Iterator[None]:
    """Inside, models are built on the meta device, without first values; they are used outside."""
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"), Unfilled():
        for name in STARTS:
            patch.setattr(nn.init, name, kept)
        for (module, name), function in REPEATED.items():
            patch.setattr(module, name, function)
        yield
