"""One label a picture: cross-entropy."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.objectives.objective import Batch, Forward

__all__ = ["Classify"]


class Classify:
    """Cross-entropy with label smoothing (arXiv:1512.00567) and class weights.

    Args:
        smoothing: share of the label spread over all classes.
        class_weights: a factor a class, mean 1 over the training pictures; None for none.
    """

    def __init__(self, *, smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> None:
        self.smoothing = smoothing
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of image (B, C, H, W) and target, (B,) class numbers or (B, K) shares. Metric: accuracy."""
        logits = model(batch["image"]).float()  # (B, K)
        target = batch["target"]
        weights = None if self.class_weights is None else self.class_weights.to(logits.device)
        loss = F.cross_entropy(logits, target, weight=weights, label_smoothing=self.smoothing)
        labels = target if target.ndim == 1 else target.argmax(-1)
        return loss, {"accuracy": (logits.detach().argmax(-1) == labels).float().mean()}
