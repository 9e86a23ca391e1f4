"""Which samples train, which choose, which judge: a split the data gives is kept, a missing one is made.

A split is made class by class in the order of a keyed hash of the *content*, so it depends on the seed and the pictures
and on nothing else: not on file names, not on their order. Equal pictures stay together, and so do the samples of a
group; no content and no group is ever in two splits. Where the data itself puts one in two, the copy in the lesser
split is left out: test is never changed, train gives way to test, val gives way to both.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from smalti.configs import demand
from smalti.data.facts import Contents
from smalti.data.source import SPLITS, UNASSIGNED, Source
from smalti.errors import InputError, few, printable

__all__ = ["Split", "roles", "split"]

_TRAIN, _VAL, _TEST = range(len(SPLITS))
_MOST_VAL = 5000  # enough to choose by; more would only cost training pictures and time
_LEAST_VAL = 100  # of a fraction: a standard error of 5 points at most; fewer can hardly tell two models apart
_BINS = 10  # of a regression target
_MANNER = {"classify": "class by class", "multilabel": "by rarest label", "regress": "by size of the target"}


@dataclass(frozen=True, eq=False)
class Split:
    """Positions in the source, sorted int64; with `dropped` and the unreadable samples they are all samples, each once.

    Args:
        train: what the model learns from.
        val: what choices are made by.
        test: what the reported figure is measured on, once.
        reason: where the splits come from and what was left out, as a line to print.
        dropped: readable samples in no split, because their content or their group is in another one, or because only
            a fraction was asked for.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    reason: str
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def all(self) -> NDArray[np.int64]:
        """Every readable sample, in a split or not."""
        return np.sort(np.concatenate([self.train, self.val, self.test, self.dropped]))

    @property
    def choosing(self) -> NDArray[np.int64]:
        """What a model is chosen by: val, or train where there is none."""
        return self.val if len(self.val) else self.train

    def demand_train(self, name: str) -> None:
        """Passes where there is something to learn from; raises InputError for the data of this name where not."""
        if not len(self.train):
            raise InputError("nothing readable to train on", where=name, mend="add to its train split")


def split(
    source: Source, contents: Contents, *, seed: int = 0, val: float = 0.1, test: float = 0.1, fraction: float = 1.0
) -> Split:
    """Divides the readable samples of `source`.

    | the data gives | train | val | test |
    |---|---|---|---|
    | all three | as given | as given | as given |
    | train, test | the rest | `val` of train, at most 5,000 | as given |
    | train, val | the rest | `val` of train, at most 5,000 | the given val |
    | nothing, or train alone | the rest | `val` of all | `test` of all |

    A given val becomes the test where there is none, so that no figure is measured on what chose the model. A class
    (rarest positive label, decile of the target) is divided in proportion, to the nearest unit, which is all samples of
    one content or group; so the 5,000 hold up to the rounding of each class. Train keeps at least one unit of each
    class and label, also of those that occur in units of rarer ones alone; of a class of two the other one goes to test
    (to val where test is given); from three on every split has one, the smallest where all are larger than its share.
    A class of which nothing can be read, or of which train loses all to test, is named in the reason.

    With a `fraction`, that share of train is kept, class by class as above: the first units in keyed order, so that
    a smaller fraction is a part of a larger one; at least one unit of each class. Val is labelled too, so it is cut
    alike, but not below 100 samples, if there are as many. Test stays as it is: figures of all fractions compare.

    Args:
        contents: of the same source, as `Check.facts` has them.
        seed: another seed makes another split.
        val: share in [0, 1).
        test: share in [0, 1); val + test is below 1.
        fraction: of train, in (0, 1].

    Raises:
        InputError: a share is none, or nothing is readable.
    """
    if not (val >= 0 and test >= 0 and val + test < 1):
        mend = "give two shares whose sum is below 1"
        raise InputError(f"val {val} and test {test} leave nothing to train on", mend=mend)
    demand(0 < fraction <= 1, "fraction", fraction, "above 0, at most 1")
    part, dropped = roles(source, contents), np.empty(0, np.int64)
    if not contents.readable.any():
        raise InputError("no readable picture", where=source.name, mend="add pictures, or mend them")
    if (part == UNASSIGNED).all():
        pool = np.flatnonzero(contents.readable)
        part[pool] = _divide(source, contents, pool, seed, val, test)
        shares = f"{1 - val - test:.3g} train, {val:.3g} val, {test:.3g} test"
        reason = f"the data gives no test split: {shares}, {_manner(source)}"
    else:
        part, dropped, reason = _as_given(source, contents, part)
        pool = np.flatnonzero(part == _TRAIN)
        if len(pool) and not (part == _VAL).any():
            part[pool] = _divide(source, contents, pool, seed, min(val, _MOST_VAL / len(pool)), 0.0)
            reason += f"; {(part == _VAL).sum():,} of {len(pool):,} in train are set aside as val, {_manner(source)}"
    if len(dropped):
        names = ", ".join(printable(source.names[i], 60) for i in dropped[:3]) + (", ..." if len(dropped) > 3 else "")
        reason += f"; {len(dropped):,} left out whose content or group is in another split too: {names}"
    train, choose, judge = (np.flatnonzero(part == place) for place in range(len(SPLITS)))
    if fraction < 1 and len(train):
        all_of_train, all_of_val = len(train), len(choose)
        train = _share(source, contents, train, seed, fraction)
        if all_of_val:
            choose = _share(source, contents, choose, seed, max(fraction, min(_LEAST_VAL / all_of_val, 1.0)))
        dropped = np.setdiff1d(np.flatnonzero(contents.readable), np.concatenate([train, choose, judge]))
        reason += (
            f"; {fraction:.3g} of train was asked for: {len(train):,} of {all_of_train:,}, and {len(choose):,} of "
            f"{all_of_val:,} to choose by, {_manner(source)}"
        )
    if len(train) and source.task != "regress":
        unlearned = np.setdiff1d(np.arange(len(source.labels)), _labelled(source, train)[1])
        if len(unlearned):
            names = few(repr(source.labels[k]) for k in unlearned)
            reason += f"; train has nothing of {names}, which cannot be learned"
    return Split(train, choose, judge, reason, dropped)


def roles(source: Source, contents: Contents) -> NDArray[np.int8]:
    """(N,) positions in SPLITS as the data gives them, UNASSIGNED for unreadable samples.

    All are UNASSIGNED where the data gives neither val nor test; else samples it says nothing about are train.
    """
    part = np.where(contents.readable, source.splits, UNASSIGNED).astype(np.int8)
    if not (part > _TRAIN).any():
        return np.full_like(part, UNASSIGNED)
    part[contents.readable & (part == UNASSIGNED)] = _TRAIN
    return part


def _as_given(
    source: Source, contents: Contents, part: NDArray[np.int8]
) -> tuple[NDArray[np.int8], NDArray[np.int64], str]:
    """The given `part` with a test split and without leaks, what was left out for that, and the reason."""
    names = [name for place, name in enumerate(SPLITS) if (part == place).any()]
    reason = f"{', '.join(names)} as the data gives {'it' if len(names) == 1 else 'them'}"
    if "test" not in names:
        part = np.where(part == _VAL, np.int8(_TEST), part)
        reason = (
            "the data gives no test split: its val is the test, so that no figure is measured on what chose the model"
        )
    kept = part.copy()
    for lesser, greater in ((_TRAIN, (_TEST,)), (_VAL, (_TRAIN, _TEST))):
        for ids in (contents.contents, source.groups):
            if ids is not None:
                kept[(kept == lesser) & np.isin(ids, ids[np.isin(kept, greater)])] = UNASSIGNED
    return kept, np.flatnonzero(kept != part), reason


def _divide(
    source: Source, contents: Contents, pool: NDArray[np.int64], seed: int, val: float, test: float
) -> NDArray[np.int8]:
    """The samples `pool` as (len(pool),) positions in SPLITS: unit by unit, stratum by stratum, in keyed order."""
    units, sizes, strata = _ordered(source, contents, pool, seed)
    part = np.full(len(sizes), _TRAIN, np.int8)
    for members in strata:
        tests, vals = _cut(sizes[members], val, test)
        part[members[tests]] = _TEST
        part[members[vals]] = _VAL
    ranks = _ranks(strata)
    for having in _units_of_lost(source, pool, units, part == _TRAIN):  # val gives before test, and the smallest unit
        part[having[np.lexsort((ranks[having], sizes[having], part[having]))[0]]] = _TRAIN
    return part[units]


def _share(source: Source, contents: Contents, pool: NDArray[np.int64], seed: int, share: float) -> NDArray[np.int64]:
    """Of the samples `pool`: the first units of each stratum in keyed order, to the nearest unit, one at least."""
    units, sizes, strata = _ordered(source, contents, pool, seed)
    kept, reached = np.zeros(len(sizes), bool), np.zeros(len(sizes))
    for members in strata:
        kept[members[: max(_reach(sizes[members], share), 1)]] = True
        reached[members] = _middles(sizes[members]) / sizes[members].sum()
    ranks = _ranks(strata)
    for having in _units_of_lost(source, pool, units, kept):  # that which a larger share would bring first
        kept[having[np.lexsort((ranks[having], reached[having]))[0]]] = True
    return pool[kept[units]]


def _units_of_lost(
    source: Source, pool: NDArray[np.int64], units: NDArray[np.int64], there: NDArray[np.bool]
) -> Iterator[NDArray[np.int64]]:
    """The units with it, for each label that none of the units `there` has: a unit stands in one stratum, so the others
    of its labels may go with it."""
    sample, label = _labelled(source, pool)
    for lost in np.setdiff1d(label, label[there[units[sample]]]):
        yield np.unique(units[sample[label == lost]])


def _ranks(strata: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The place of each unit in the order of all strata."""
    return np.argsort(np.concatenate(strata))


def _ordered(
    source: Source, contents: Contents, pool: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.int64]]]:
    """The samples `pool` as units: the unit of each sample, the samples of each unit, and the units of each stratum in
    keyed order.
    """
    units = _units(contents.contents[pool], None if source.groups is None else source.groups[pool])
    sizes = np.bincount(units)
    strata = _strata(source, pool, units)
    order = np.lexsort((_keyed(_leading(contents.hashes[pool], units), seed), strata))
    return units, sizes, np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)


def _cut(sizes: NDArray[np.int64], val: float, test: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which units of a stratum go to test, and which to val; `sizes` are their samples, in order.

    The first ones go to test and the next to val, as many as come nearest to the shares. Where that is none, and there
    has to be one, it is the smallest.
    """
    order, room = np.arange(len(sizes)), len(sizes) - 1  # train keeps one
    tests = _reach(sizes, test)
    if test and not tests:
        order = _smallest_first(order, sizes)
    if test:
        tests = min(max(tests, 1), room - 1 if val and room > 1 else room)
    vals = max(_reach(sizes[order], test + val) - tests, 0)
    if val and not vals:
        order[tests:] = _smallest_first(order[tests:], sizes)
    if val:
        vals = min(max(vals, 1), room - tests)
    return order[:tests], order[tests : tests + vals]


def _smallest_first(order: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same order, but for the smallest unit, which comes first."""
    first = order[np.argmin(sizes[order])]
    return np.concatenate([[first], order[order != first]])


def _reach(sizes: NDArray[np.int64], share: float) -> int:
    """How many of the units of `sizes` samples, from the first on, are nearest to that share of the samples."""
    return int(np.searchsorted(_middles(sizes), share * sizes.sum()))


def _middles(sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many samples have to be asked for until each of the units is nearer in than out."""
    return np.cumsum(sizes) - sizes / 2


def _units(contents: NDArray[np.int64], groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """(n,) numbers from 0: equal for samples that equal content or group links, directly or through others."""
    contents = _numbered(contents)
    if groups is None:
        return contents
    groups = _numbered(groups) + len(contents)
    parent = list(range(2 * len(contents)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for content, group in zip(contents.tolist(), groups.tolist(), strict=True):
        parent[root(content)] = root(group)
    return _numbered(np.array([root(content) for content in contents.tolist()]))


def _numbered(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The distinct `values` as numbers from 0."""
    return np.unique_inverse(values).inverse_indices.astype(np.int64)


def _leading(hashes: NDArray[np.uint8], units: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Of the hashes (n, 16) of samples the least of each unit, (units, 16): one stands for all, so that a large unit
    comes no earlier than a small one."""
    order = np.lexsort((*hashes.T[::-1], units))
    return hashes[order[np.unique(units[order], return_index=True)[1]]]


def _keyed(hashes: NDArray[np.uint8], seed: int) -> NDArray[np.uint64]:
    """(n,) numbers that put contents in a random order, another one for every seed."""
    key = str(seed).encode()
    digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest() for row in hashes)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _strata(source: Source, pool: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int64]:
    """The stratum of each unit: its rarest class or positive label, or the decile of its mean first target."""
    count, labels = int(units.max()) + 1, len(source.labels)
    if source.task == "regress":
        targets = cast(NDArray[np.float32], source.targets[pool])
        means = np.bincount(units, targets[:, 0]) / np.bincount(units)
        bins = min(max(count // _BINS, 1), _BINS)
        return np.searchsorted(np.sort(means), means) * bins // count
    sample, label = _labelled(source, pool)
    rarity = np.argsort(np.argsort(np.bincount(label, minlength=labels), kind="stable"))
    strata = np.full(count, labels)  # of units without any label
    np.minimum.at(strata, units[sample], rarity[label])
    return strata


def _labelled(source: Source, pool: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each label of each of the samples `pool`: places in `pool`, and labels; none for regression."""
    if source.task == "classify":
        return np.arange(len(pool)), cast(NDArray[np.int64], source.targets[pool])
    sample, label = np.nonzero(source.targets[pool] if source.task == "multilabel" else np.zeros((0, 0)))
    return sample, label


def _manner(source: Source) -> str:
    by = (
        "by hash of content"
        if len(source.labels) == 1 and source.task == "classify"
        else f"{_MANNER[source.task]}, by hash of content"
    )
    return by + ("" if source.groups is None else ", groups together")
