"""All problems of a data set, and the order in which they are told."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from smalti.data.facts import Facts
from smalti.data.problems.copies import divided_groups, equal_pictures
from smalti.data.problems.labels import labels_alike, odd_labels, odd_targets
from smalti.data.problems.pictures import (
    negative_values,
    odd_channels,
    odd_depths,
    odd_sizes,
    unreadable,
    wrong_extensions,
)
from smalti.data.problems.splits import missing_splits
from smalti.data.problems.too_little import constant_targets, imbalance, poor_classes
from smalti.data.source import Problem, Source

__all__ = ["KINDS", "find", "in_order"]

KINDS = (  # in the order they are reported
    "unreadable",
    "unknown_split",
    "missing_split",
    "one_class",
    "unseen_class",
    "constant",
    "leak",
    "few",
    "unread_format",
    "left_out",
    "guessed_column",
    "odd_label",
    "empty_class",
    "imbalance",
    "duplicate_conflict",
    "duplicate",
    "wrong_extension",
    "odd_size",
    "odd_depth",
    "note",
)

_LISTED = 1000  # problems of a kind


def find(
    source: Source, facts: Facts, places: NDArray[np.int64], counts: NDArray[np.int64], channels: int
) -> Iterator[Problem]:
    """All problems.

    Args:
        places: (N,) as `splits.given` tells.
        counts: (4, K) samples of each class in train, val, test and in no split.
        channels: that the model will be given.
    """
    yield from source.problems
    yield from unreadable(source, facts)
    yield from missing_splits(places)
    if source.task == "regress":
        yield from constant_targets(source, places)
        yield from odd_targets(source)
    else:
        yield from poor_classes(source, counts)
        yield from imbalance(source, counts)
        yield from odd_labels(source)
        yield from labels_alike(source)
    yield from equal_pictures(source, facts, places)
    yield from divided_groups(source, places)
    yield from wrong_extensions(source, facts)
    yield from odd_sizes(source, facts)
    yield from negative_values(source, facts)
    yield from odd_depths(source, facts)
    yield from odd_channels(source, facts, channels)
    for folder in source.empty_classes:
        yield Problem("empty_class", folder, "a class folder without a picture", "add pictures of it, or remove it")
    for note in source.notes:
        yield Problem("note", "", note, "nothing must be done if that is meant")


def in_order(problems: Iterable[Problem]) -> tuple[tuple[Problem, ...], dict[str, int]]:
    """Fatal ones first, then by kind, at most 1,000 of each; and how many more there are, by kind."""
    found: Counter[str] = Counter()
    kept: dict[tuple[bool, int], list[Problem]] = {}
    for problem in problems:
        found[problem.kind] += 1
        alike = kept.setdefault((not problem.fatal, KINDS.index(problem.kind)), [])
        if len(alike) < _LISTED:  # the others are counted: a million copies are a million problems
            alike.append(problem)
    listed: list[Problem] = []
    for (_, kind), alike in sorted(kept.items(), key=lambda item: item[0]):
        before = sum(problem.kind == KINDS[kind] for problem in listed)
        listed += alike[: _LISTED - before]
    return tuple(listed), {kind: count - _LISTED for kind, count in found.items() if count > _LISTED}
