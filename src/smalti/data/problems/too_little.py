"""Too little to learn from, or to judge by: classes without pictures, rare ones, targets that never change."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smalti.data.problems.splits import LEARNED
from smalti.data.source import TEST, Problem, Source

__all__ = ["constant_targets", "imbalance", "poor_classes"]

_IMBALANCE = 10  # largest class over smallest


def constant_targets(source: Source, places: NDArray[np.int64]) -> Iterator[Problem]:
    """Amounts to learn that are the same for every picture."""
    columns = source.targets[np.isin(places, LEARNED)].T
    constant = [name for name, column in zip(source.labels, columns, strict=True) if len(np.unique(column)) == 1]
    for name in constant:
        cause = f"the target {name!r} has the same value for every picture to train on"
        yield Problem("constant", "", cause, "give its real values", fatal=len(constant) == len(source.labels))


def poor_classes(source: Source, counts: NDArray[np.int64]) -> Iterator[Problem]:
    """Classes with too little to learn from or to judge by."""
    judged, one_label = bool(counts[TEST].any()), source.task == "classify"
    yield from _poor_set(source, counts[list(LEARNED)].sum(0), judged)
    for name, row in zip(source.labels, counts.T, strict=True):
        yield from _poor_class(name, row, judged, one_label)


def imbalance(source: Source, counts: NDArray[np.int64]) -> Iterator[Problem]:
    """A class with many times the pictures of another."""
    learned = counts[list(LEARNED)].sum(0)
    most, least = int(learned.argmax()), int(np.where(learned, learned, learned.max()).argmin())
    if learned[most] >= _IMBALANCE * learned[least] > 0:
        cause = f"{source.labels[most]!r} has {learned[most]:,} pictures to learn from, {source.labels[least]!r} has "
        mend = "add pictures of the rare classes; training weighs them up, --set target.sampling=balanced draws evenly"
        yield Problem("imbalance", "", cause + f"{learned[least]:,}", mend)


def _poor_set(source: Source, learned: NDArray[np.int64], judged: bool) -> Iterator[Problem]:
    """Where there is too little of all classes: (K,) pictures of each to learn from; whether any are to test on."""
    names = [source.labels[k] for k in np.flatnonzero(learned)]
    if source.task != "classify":
        if not names:
            cause = "no picture to train on has a label"
            yield Problem("one_class", "", cause, "add pictures that have one", fatal=True)
        return
    if len(names) == 1:
        mend = "add pictures of at least one other class"
        yield Problem("one_class", "", f"there is only one class to learn, {names[0]!r}", mend, fatal=True)
    if names and learned.max() == 1 and not judged:
        cause = "no class has two pictures, so nothing is left to test on"
        yield Problem("few", "", cause, "add pictures of each class", fatal=True)


def _poor_class(name: str, row: NDArray[np.int64], judged: bool, one_label: bool) -> Iterator[Problem]:
    """Where there is too little of one class, of which `row` (4,) is in train, val, test and in no split."""
    learn = row[list(LEARNED)].sum()
    if not row.any():
        cause = f"the class {name!r} has no picture that can be read"
        yield Problem("empty_class", "", cause, "add pictures of it, or remove it")
    elif not learn:
        cause = f"the class {name!r} is in {'test' if row[TEST] else 'val'} but not in train: it cannot be learned"
        yield Problem("unseen_class", "", cause, "add such pictures to train, or remove them", fatal=one_label)
    elif learn == 1:
        yield Problem("few", "", f"the class {name!r} has one picture to learn from", "add pictures of it")
    if learn and judged and not row[TEST]:
        cause = f"the class {name!r} has no picture in test: nothing will be known of how well it is told"
        yield Problem("empty_class", "", cause, "add such pictures to test")
