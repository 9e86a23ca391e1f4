"""Numbers a picture."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from smalti.objectives.objective import Batch, Forward

__all__ = ["Regress"]


class Regress:
    """The mean loss over numbers and pictures.

    It expects targets of about unit deviation; a run standardises them and folds the scale into the head afterwards.

    Args:
        loss: (values (B, T), targets (B, T)) to their mean loss. By default Huber's: quadratic up to one deviation,
            linear beyond, so that a few wild targets do not rule.
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor] = F.huber_loss) -> None:
        self.loss = loss

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of image (B, C, H, W) and target (B, T). Metric: mae, the mean absolute error."""
        values = model(batch["image"]).float()  # (B, T)
        target = batch["target"]
        return self.loss(values, target), {"mae": (values.detach() - target).abs().mean()}
