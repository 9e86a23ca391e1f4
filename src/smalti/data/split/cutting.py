"""Where a row of units is cut, so that each piece comes nearest to its share of the samples."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["cut", "middles", "reach"]


def cut(sizes: NDArray[np.int64], val: float, test: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which units of a stratum go to test, and which to val; `sizes` are their samples, in order.

    The first ones go to test and the next to val, as many as come nearest to the shares. Where that is none, and there
    has to be one, it is the smallest.
    """
    order, room = np.arange(len(sizes)), len(sizes) - 1  # train keeps one
    tests = reach(sizes, test)
    if test and not tests:
        order = _smallest_first(order, sizes)
    if test:
        tests = min(max(tests, 1), room - 1 if val and room > 1 else room)
    vals = max(reach(sizes[order], test + val) - tests, 0)
    if val and not vals:
        order[tests:] = _smallest_first(order[tests:], sizes)
    if val:
        vals = min(max(vals, 1), room - tests)
    return order[:tests], order[tests : tests + vals]


def _smallest_first(order: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same order, but for the smallest unit, which comes first."""
    first = order[np.argmin(sizes[order])]
    return np.concatenate([[first], order[order != first]])


def reach(sizes: NDArray[np.int64], share: float) -> int:
    """How many of the units of `sizes` samples, from the first on, are nearest to that share of the samples."""
    return int(np.searchsorted(middles(sizes), share * sizes.sum()))


def middles(sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many samples have to be asked for until each of the units is nearer in than out."""
    return np.cumsum(sizes) - sizes / 2
