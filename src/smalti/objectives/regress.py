"""Numbers a picture: Huber loss."""

import torch.nn.functional as F
from torch import Tensor

from smalti.objectives.objective import Batch, Forward

__all__ = ["Regress"]


class Regress:
    """Huber loss: quadratic near, linear far, so that a few wild targets do not rule.

    It expects targets of about unit deviation; a run standardises them and folds the scale into the head afterwards.
    """

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of image (B, C, H, W) and target (B, T). Metric: mae, the mean absolute error."""
        values = model(batch["image"]).float()  # (B, T)
        target = batch["target"]
        return F.huber_loss(values, target), {"mae": (values.detach() - target).abs().mean()}
