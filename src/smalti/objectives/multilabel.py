"""Several labels a picture, each there or not: binary cross-entropy."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.objectives.objective import Batch, Forward

__all__ = ["Multilabel"]


class Multilabel:
    """Binary cross-entropy, the mean over labels and pictures.

    Args:
        smoothing: 0 and 1 become smoothing / 2 and 1 - smoothing / 2.
        positive_weights: a factor a label on its positives, for rare labels; None for none.
    """

    def __init__(self, *, smoothing: float = 0.0, positive_weights: Sequence[float] | None = None) -> None:
        self.smoothing = smoothing
        self.positive_weights = None if positive_weights is None else torch.tensor(positive_weights)

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of image (B, C, H, W) and target (B, K) of 0 and 1. Metric: accuracy over all labels."""
        logits = model(batch["image"]).float()  # (B, K)
        target = batch["target"]
        weights = None if self.positive_weights is None else self.positive_weights.to(logits.device)
        smooth = target * (1 - self.smoothing) + self.smoothing / 2
        loss = F.binary_cross_entropy_with_logits(logits, smooth, pos_weight=weights)
        return loss, {"accuracy": ((logits.detach() > 0) == (target > 0.5)).float().mean()}
