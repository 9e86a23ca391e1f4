"""The learning rate over a run, as a factor of its peak: functions of the share of the budget that is spent."""

import math
from typing import Literal

__all__ = ["ScheduleName", "lr_factor"]

ScheduleName = Literal["cosine", "linear", "constant"]


def lr_factor(progress: float, *, warmup: float, schedule: ScheduleName) -> float:
    """Rises in a line over the first `warmup` of the run, then falls to zero.

    Args:
        progress: share of the budget spent, in [0, 1]: of a step that at its middle.
        warmup: share of the budget that warms up, in [0, 1).
        schedule: how it falls: "cosine" (arXiv:1608.03983), "linear", or "constant" for not at all.
    """
    if progress < warmup:
        return progress / warmup
    return FALLS[schedule]((progress - warmup) / (1 - warmup))


FALLS = {
    "cosine": lambda t: 0.5 * (1 + math.cos(math.pi * t)),
    "linear": lambda t: 1 - t,
    "constant": lambda t: 1.0,
}
