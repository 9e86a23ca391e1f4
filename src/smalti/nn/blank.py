"""Models that are built to take weights that exist already."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Blank"]

DRAWS = {Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_}


class Blank(TorchFunctionMode):
    """Inside, layers begin with zeros where they would begin with random numbers: to draw those takes longer than to
    read the weights that replace them, and would move the random state."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """What `func` gives, or zeros in place of what it would draw."""
        kwargs = kwargs or {}
        if func in DRAWS:
            tensor: Tensor = args[0] if args else kwargs["tensor"]  # torch passes those of nn.init by name
            return tensor.detach().zero_()
        return func(*args, **kwargs)
