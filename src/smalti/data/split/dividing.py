"""Samples divided unit by unit, stratum by stratum, in keyed order, so that no label is lost to training."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smalti.data.facts import Contents
from smalti.data.source import TEST, TRAIN, VAL, Source
from smalti.data.split.cutting import cut, middles, reach
from smalti.data.split.strata import labelled, strata_of
from smalti.data.split.units import keyed, leading, units_of

__all__ = ["divide", "share_of"]


def divide(
    source: Source, contents: Contents, pool: NDArray[np.int64], seed: int, val: float, test: float
) -> NDArray[np.int8]:
    """The samples `pool` as (len(pool),) positions in SPLITS: `val` and `test` of each stratum, the rest is train."""
    units = _Ordered.of(source, contents, pool, seed)
    part = np.full(len(units.sizes), TRAIN, np.int8)
    for members in units.strata:
        tests, vals = cut(units.sizes[members], val, test)
        part[members[tests]] = TEST
        part[members[vals]] = VAL
    ranks = units.ranks()
    for having in units.of_lost(part == TRAIN):  # val gives before test, and the smallest unit
        part[having[np.lexsort((ranks[having], units.sizes[having], part[having]))[0]]] = TRAIN
    return part[units.of_samples]


def share_of(source: Source, contents: Contents, pool: NDArray[np.int64], seed: int, share: float) -> NDArray[np.int64]:
    """Of the samples `pool`: the first units of each stratum, to the nearest unit, one at least."""
    units = _Ordered.of(source, contents, pool, seed)
    kept, reached = np.zeros(len(units.sizes), bool), np.zeros(len(units.sizes))
    for members in units.strata:
        sizes = units.sizes[members]
        kept[members[: max(reach(sizes, share), 1)]] = True
        reached[members] = middles(sizes) / sizes.sum()
    ranks = units.ranks()
    for having in units.of_lost(kept):  # that which a larger share would bring first
        kept[having[np.lexsort((ranks[having], reached[having]))[0]]] = True
    return pool[kept[units.of_samples]]


@dataclass(frozen=True, eq=False)
class _Ordered:
    """The units of a pool of n samples, in the order they are dealt out in.

    Args:
        of_samples: (n,) the unit of each sample, a number from 0.
        sizes: (units,) the samples of each.
        strata: the units of each stratum, in keyed order.
        labelled: each label of each sample: places in the pool, and labels.
    """

    of_samples: NDArray[np.int64]
    sizes: NDArray[np.int64]
    strata: list[NDArray[np.int64]]
    labelled: tuple[NDArray[np.int64], NDArray[np.int64]]

    @classmethod
    def of(cls, source: Source, contents: Contents, pool: NDArray[np.int64], seed: int) -> Self:
        """Those of the samples `pool`."""
        units = units_of(contents.contents[pool], None if source.groups is None else source.groups[pool])
        strata = strata_of(source, pool, units)
        order = np.lexsort((keyed(leading(contents.hashes[pool], units), seed), strata))
        by_stratum = np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)
        return cls(units, np.bincount(units), by_stratum, labelled(source, pool))

    def ranks(self) -> NDArray[np.int64]:
        """(units,) the place of each in the order of all strata."""
        return np.argsort(np.concatenate(self.strata))

    def of_lost(self, there: NDArray[np.bool]) -> Iterator[NDArray[np.int64]]:
        """The units with it, for each label that none of the units `there` has: a unit stands in one stratum, so the
        others of its labels may go with it."""
        sample, label = self.labelled
        units = self.of_samples[sample]
        for lost in np.setdiff1d(label, label[there[units]]):
            yield np.unique(units[label == lost])
