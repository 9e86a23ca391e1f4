"""Strata: units that are alike in class, label or target, of which every split gets its share."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from smalti.data.source import Source

__all__ = ["labelled", "manner", "strata_of"]

_BINS = 10  # of a regression target
_MANNER = {"classify": "class by class", "multilabel": "by rarest label", "regress": "by size of the target"}


def strata_of(source: Source, pool: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int64]:
    """The stratum of each unit: its rarest class or positive label, or the decile of its mean first target.

    Args:
        source: says the classes, labels or targets.
        pool: (n,) samples.
        units: (n,) their units, numbers from 0.
    """
    count, labels = int(units.max()) + 1, len(source.labels)
    if source.task == "regress":
        targets = cast(NDArray[np.float32], source.targets[pool])
        means = np.bincount(units, targets[:, 0]) / np.bincount(units)
        bins = min(max(count // _BINS, 1), _BINS)
        return np.searchsorted(np.sort(means), means) * bins // count
    sample, label = labelled(source, pool)
    rarity = np.argsort(np.argsort(np.bincount(label, minlength=labels), kind="stable"))
    strata = np.full(count, labels)  # of units without any label
    np.minimum.at(strata, units[sample], rarity[label])
    return strata


def labelled(source: Source, pool: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each label of each of the samples `pool`: places in `pool`, and labels; none for regression."""
    if source.task == "classify":
        return np.arange(len(pool)), cast(NDArray[np.int64], source.targets[pool])
    sample, label = np.nonzero(source.targets[pool] if source.task == "multilabel" else np.zeros((0, 0)))
    return sample, label


def manner(source: Source) -> str:
    """How its samples are divided, in words."""
    by = (
        "by hash of content"
        if len(source.labels) == 1 and source.task == "classify"
        else f"{_MANNER[source.task]}, by hash of content"
    )
    return by + ("" if source.groups is None else ", groups together")
