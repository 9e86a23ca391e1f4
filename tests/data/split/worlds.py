"""Data sets to be split, of facts alone, and where their samples went."""

import numpy as np
from hypothesis import strategies as st

from smalti.data.facts import Facts, Failure
from smalti.data.source import UNASSIGNED, Source
from smalti.data.split import Split

TRAIN, VAL, TEST = range(3)


class Nowhere:
    """A storage that must not be touched: a split is made from facts alone."""

    def read(self, index):
        raise AssertionError("a split reads no picture")

    def fingerprint(self):
        raise AssertionError("a split reads no picture")


def samples(contents, targets, *, splits=None, groups=None, task="classify", labels=None, unreadable=(), names=None):
    """A source and its facts; equal numbers in `contents` stand for equal pictures."""
    n = len(contents)
    targets = np.asarray(targets, np.int64 if task == "classify" else np.float32)
    if labels is None:
        count = int(targets.max()) + 1 if task == "classify" else targets.shape[1]
        labels = tuple(f"class {k}" for k in range(count))
    source = Source(
        name="set",
        task=task,
        labels=labels,
        names=names or [f"{i:05d}.png" for i in range(n)],
        targets=targets,
        splits=np.full(n, UNASSIGNED, np.int8) if splits is None else np.asarray(splits, np.int8),
        storage=Nowhere(),
        groups=None if groups is None else np.asarray(groups, np.int64),
    )
    readable = ~np.isin(np.arange(n), list(unreadable))
    words = np.asarray(contents, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    hashes = np.zeros((n, 16), np.uint8)
    hashes[:, :8] = words.view(np.uint8).reshape(n, 8)
    hashes[~readable] = 0
    facts = Facts(
        readable=readable,
        hashes=hashes,
        sizes=np.full((n, 2), 8, np.int32),
        bands=np.ones(n, np.uint16),
        bits=np.full(n, 8, np.uint8),
        peaks=np.zeros(n),
        lows=np.zeros(n),
        formats=np.zeros(n, np.int8),
        sampled=np.arange(min(n, 1)),
        moments=np.zeros((min(n, 1), 2, 1)),
        failures={int(i): Failure("damaged", "remove it") for i in unreadable},
    )
    return source, facts


def places(found: Split, n: int) -> np.ndarray:
    """(n,) the split of each sample, UNASSIGNED where it is in none; fails where it is in two."""
    part = np.full(n, UNASSIGNED)
    for place, members in enumerate((found.train, found.val, found.test)):
        assert members.dtype == np.int64
        assert (np.diff(members) > 0).all(), "sorted, each once"
        assert (part[members] == UNASSIGNED).all(), "disjoint"
        part[members] = place
    assert (part[found.dropped] == UNASSIGNED).all()
    return part


@st.composite
def worlds(draw):
    """Small data sets with duplicates, groups, unreadable pictures and splits that leak."""
    n = draw(st.integers(1, 60))
    contents = draw(st.lists(st.integers(0, 40), min_size=n, max_size=n))
    task = draw(st.sampled_from(["classify", "multilabel", "regress"]))
    if task == "classify":
        targets = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    elif task == "multilabel":
        targets = draw(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=n, max_size=n))
    else:
        targets = [[v, -v] for v in draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))]
    groups = draw(st.none() | st.lists(st.integers(-9, 9), min_size=n, max_size=n))
    given_splits = draw(st.none() | st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    unreadable = draw(st.sets(st.integers(0, n - 1), max_size=min(3, n - 1)))
    labels = tuple("abcd") if task == "classify" else None
    return samples(
        contents, targets, task=task, splits=given_splits, groups=groups, unreadable=unreadable, labels=labels
    )
