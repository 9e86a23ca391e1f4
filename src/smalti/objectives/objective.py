"""The one interface between a system and the training loop."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from smalti.data.batches import Batch

__all__ = ["Batch", "Forward", "Objective", "shown"]

Forward = Callable[..., Tensor]  # a model, or a model seen in another precision


class Objective(Protocol):
    """A loss with the numbers worth watching."""

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, a mean over the batch as a scalar, and metrics as detached scalars, means over the batch too."""
        ...


def shown(batch: Batch) -> Tensor:
    """What of a batch the model is shown: images (B, C, H, W), or tokens (B, N)."""
    return batch["image"] if "image" in batch else batch["tokens"]
