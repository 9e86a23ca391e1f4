"""Several labels a picture, each there or not."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from smalti.objectives.losses import binary_cross_entropy
from smalti.objectives.objective import Batch, Forward

__all__ = ["Multilabel"]


class Multilabel:
    """The mean loss over labels and pictures.

    Args:
        smoothing: 0 and 1 become smoothing / 2 and 1 - smoothing / 2.
        positive_weights: a factor a label where it is there, for rare labels; None for none.
        loss: (logits (B, K), targets (B, K)) to (B, K): one of `objectives.losses`.
    """

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        positive_weights: Sequence[float] | None = None,
        loss: Callable[[Tensor, Tensor], Tensor] = binary_cross_entropy,
    ) -> None:
        self.smoothing, self.loss = smoothing, loss
        self.positive_weights = None if positive_weights is None else torch.tensor(positive_weights)

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of image (B, C, H, W) and target (B, K) of 0 and 1. Metric: accuracy over all labels."""
        logits = model(batch["image"]).float()  # (B, K)
        target = batch["target"]
        losses = self.loss(logits, target * (1 - self.smoothing) + self.smoothing / 2)  # (B, K)
        if self.positive_weights is not None:
            losses = losses * (1 + (self.positive_weights.to(logits.device) - 1) * target)
        return losses.mean(), {"accuracy": ((logits.detach() > 0) == (target > 0.5)).float().mean()}
