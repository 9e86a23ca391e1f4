"""The one interface between a system and the training loop."""

from typing import Protocol

from torch import Tensor, nn

__all__ = ["Batch", "Objective"]

Batch = dict[str, Tensor]


class Objective(Protocol):
    """A loss with the numbers worth watching."""

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, a mean over the batch as a scalar, and metrics as detached scalars, means over the batch too."""
        ...
