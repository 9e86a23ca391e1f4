"""One label a picture, or a text."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from smalti.data.mixing import soft_targets
from smalti.objectives.losses import cross_entropy
from smalti.objectives.objective import Batch, Forward, shown

__all__ = ["Classify"]


class Classify:
    """The mean loss of a batch, each picture weighed as its class is.

    Args:
        smoothing: share of the label spread over all classes (arXiv:1512.00567).
        class_weights: a factor a class, mean 1 over the training pictures; None for none.
        loss: (logits (B, K), shares (B, K), smoothing) to (B,): one of `objectives.losses`.
    """

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        loss: Callable[[Tensor, Tensor, float], Tensor] = cross_entropy,
    ) -> None:
        self.smoothing, self.loss = smoothing, loss
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of image (B, C, H, W) or tokens (B, N), and target, (B,) class numbers or (B, K) shares. Metric:
        accuracy."""
        logits = model(shown(batch)).float()  # (B, K)
        shares = soft_targets(batch["target"], logits.shape[-1])
        losses = self.loss(logits, shares, self.smoothing)  # (B,)
        if self.class_weights is not None:
            losses = losses * (shares @ self.class_weights.to(logits.device))
        return losses.mean(), {"accuracy": (logits.detach().argmax(-1) == shares.argmax(-1)).float().mean()}
