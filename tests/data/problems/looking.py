"""Data sets to be looked at, and what is found in them."""

import hashlib

import numpy as np

from smalti.data.check import Check, check
from smalti.data.source import UNASSIGNED, Problem, Source

TRAIN, VAL, TEST = range(3)


class Memory:
    def __init__(self, contents):
        self.contents = contents

    def read(self, index):
        return self.contents[index]

    def fingerprint(self):
        return hashlib.sha256(b"".join(bytes(content) for content in self.contents)).hexdigest()


def look(pictures, targets=None, *, task="classify", labels=("a", "b"), splits=None, groups=None, names=None) -> Check:
    return check(source_of(pictures, targets, task, labels, splits, groups, names))


def source_of(pictures, targets=None, task="classify", labels=("a", "b"), splits=None, groups=None, names=None):
    n = len(pictures)
    return Source(
        name="set",
        task=task,
        labels=labels,
        names=names or [f"{i}.png" for i in range(n)],
        targets=np.arange(n) % 2 if targets is None else np.asarray(targets),
        splits=np.full(n, UNASSIGNED, np.int8) if splits is None else np.asarray(splits, np.int8),
        storage=Memory(pictures),
        groups=None if groups is None else np.asarray(groups, np.int64),
    )


def noise(n, *shape):
    return list(np.random.default_rng(0).integers(0, 256, (n, *(shape or (8, 8))), np.uint8))


def only(found: Check, kind: str) -> Problem:
    (problem,) = [problem for problem in found.problems if problem.kind == kind]
    return problem


def kinds(found: Check) -> list[str]:
    return [problem.kind for problem in found.problems]
