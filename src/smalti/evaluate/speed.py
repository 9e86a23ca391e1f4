"""How fast models answer here, side by side."""

import statistics
import time
from collections.abc import Sequence

from torch import Tensor

from smalti.ready import Model

__all__ = ["TIMED", "pictures_a_second"]

TIMED = 32  # pictures on which speeds are compared


def pictures_a_second(models: Sequence[Model], images: Tensor, *, turns: int = 5) -> list[float]:
    """What each model answers to a second, the median of some turns; they take turns, so that a busy moment hits all.

    Args:
        models: on their devices.
        images: normalised, (B, C, H, W), answered to in one batch.
        turns: that count; one before them does not.
    """
    seconds: list[list[float]] = [[] for _ in models]
    for _ in range(turns + 1):
        for model, taken in zip(models, seconds, strict=True):
            began = time.perf_counter()
            model.outputs(images)
            taken.append(time.perf_counter() - began)
    return [len(images) / statistics.median(taken[1:]) for taken in seconds]
