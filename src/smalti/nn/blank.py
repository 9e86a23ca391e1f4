"""Models that are built to take weights that exist already."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from smalti.errors import InputError

__all__ = ["Blank"]

DRAWS = {Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_}
OTHERS = 10  # times as many weights: of another model, whose names and shapes are worth comparing no more


class Blank(TorchFunctionMode):
    """Inside, layers begin with zeros where they would begin with random numbers: to draw those takes longer than to
    read the weights that replace them, and would move the random state.

    Args:
        stored: the weights that exist, where that is known. A file that describes a far larger model than it holds is
            found out while that is built, before it fills the memory: InputError.
    """

    def __init__(self, stored: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        self.tensors = math.inf if stored is None else OTHERS * len(stored)
        self.numbers = math.inf if stored is None else OTHERS * sum(tensor.numel() for tensor in stored.values())

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """What `func` gives, or zeros in place of what it would draw."""
        kwargs = kwargs or {}
        if func in DRAWS:
            tensor: Tensor = args[0] if args else kwargs["tensor"]  # torch passes those of nn.init by name
            return tensor.detach().zero_()
        made = func(*args, **kwargs)
        if func is torch.empty:  # the weights of a layer, whose memory is not touched yet
            self.tensors, self.numbers = self.tensors - 1, self.numbers - made.numel()
            if min(self.tensors, self.numbers) < 0:
                raise InputError("the model would be far larger than what is stored", mend="use what belongs together")
        return made
