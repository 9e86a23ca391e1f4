"""Samples of one group (a patient, a video) are alike and tell less than as many of different groups: how much less.

The design effect (Kish 1965) is the factor by which that raises the variance of a figure: n samples tell as much as
n / effect independent ones. It follows from the influences of the samples (see ranking.py), summed within each group.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smalti.data.source import Source
from smalti.evaluate.intervals import Floats, Z, student
from smalti.evaluate.metrics import Metric

__all__ = ["Groups", "design_effect", "groups_at", "groups_of", "in_groups"]

ROUNDING = 1e-24  # squares of influences below this are rounding errors

Groups = NDArray[np.int64] | None  # (N,) numbers of the groups from 0; None where each sample stands for itself


def groups_at(source: Source, indices: NDArray[np.integer]) -> NDArray[np.int64] | None:
    """The groups of some samples of a source, as it numbers them; None where it names none."""
    return None if source.groups is None else source.groups[indices]


def groups_of(groups: NDArray[np.integer] | None) -> Groups:
    """Any numbers (N,) that are equal within a group as `Groups`; None too where no two samples share one."""
    if groups is None:
        return None
    found, numbers = np.unique(groups, return_inverse=True)
    return numbers.astype(np.int64) if len(found) < len(groups) else None


def design_effect(influence: Floats, groups: Groups) -> float:
    """By how much groups raise the variance of a figure, 1 or more.

    Few groups, or few that the variance rests on (one mistake in all), know it badly: it is then raised as Student's t
    would have it (Korn and Graubard 1998), up to that of groups whose samples are all the same. The latter it is too
    where nothing varies, as without a mistake.

    Args:
        influence: (N,) of each sample on the figure, up to a factor; they sum to 0.
        groups: (N,).
    """
    if groups is None:
        return 1.0
    sizes, sums = np.bincount(groups).astype(float), np.bincount(groups, influence)
    count, alone, together = len(sizes), float((influence**2).sum()), float((sums**2).sum())
    known = max(count - 1, 1)
    most = float((sizes**2).sum() / sizes.sum()) * (student(known) / Z) ** 2
    if count < 2 or alone < ROUNDING:
        return most
    kurtosis = count * float((sums**4).sum()) / max(together, ROUNDING) ** 2
    freedom = min(known, 2 * count / max(kurtosis - 1, 1e-9))  # Satterthwaite 1946
    effect = max(1.0, count / known * together / alone)
    return min(effect * (student(freedom) / Z) ** 2, most)


def in_groups(metrics: Mapping[str, Metric], groups: Groups) -> dict[str, Metric]:
    """The metrics, saying how many groups their samples are in."""
    count = None if groups is None else int(groups.max()) + 1
    return {name: replace(metric, groups=count) for name, metric in metrics.items()}
