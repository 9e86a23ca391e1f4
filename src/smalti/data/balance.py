"""How even classes are, and drawing them evenly: samples of rare ones come again within an epoch, those of common ones
in a later one.

What is drawn is a function of (seed, epoch), as every order is.
"""

import numpy as np
from numpy.typing import NDArray

from smalti.data.randomness import hash_key, permutation
from smalti.data.source import Source
from smalti.errors import InputError

__all__ = ["balanced", "classes_of", "rarity", "repeats"]


def balanced(seed: int, epoch: int, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """An epoch of N draws in which the classes take turns, so that in any stretch they occur equally often, to one.

    The samples of a class come in a random order, and none comes again before all others of its class have come; this
    goes on from epoch to epoch.

    Args:
        seed: any integer.
        epoch: from 0 on.
        classes: (N,) the class of each sample.

    Returns:
        (N,) positions in [0, N).
    """
    n, counts = len(classes), np.unique(classes, return_counts=True)[1]
    by_class = np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])
    draws = np.arange(epoch * n, (epoch + 1) * n) // len(counts)  # of a class, over the whole run
    order = np.empty(n, np.int64)
    for turn, members in enumerate(by_class):
        its_turns = slice((turn - epoch * n) % len(counts), None, len(counts))
        places = draws[its_turns]
        first, last = (int(place) // len(members) for place in (places[0], places[-1]))
        key = hash_key(seed, "class", turn)
        rounds = np.concatenate([permutation(key, r, len(members)) for r in range(first, last + 1)])
        order[its_turns] = members[rounds[places - first * len(members)]]
    return order


def repeats(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) how often the same number has occurred before, at each place of `order`."""
    sort = np.argsort(order, kind="stable")
    _, firsts, counts = np.unique(order[sort], return_index=True, return_counts=True)
    before = np.empty(len(order), np.int64)
    before[sort] = np.arange(len(order)) - np.repeat(firsts, counts)
    return before


def classes_of(source: Source, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) what is to be drawn evenly of the samples `indices`: their class. With several labels it is the rarest one
    a sample has, and samples without any are a class of their own. Raises InputError where targets are numbers.
    """
    targets, labels = source.targets[indices], len(source.labels)
    if source.task == "classify":
        return targets.astype(np.int64)
    if source.task == "multilabel":
        there = targets.astype(bool)
        how_many = np.where(there, there.sum(0), len(targets) + 1)
        return np.where(there.any(1), how_many.argmin(1), labels)
    raise InputError("numbers have no classes to draw evenly", mend="set target.sampling to once")


def rarity(source: Source, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K,) how rare each class is among the samples at `indices`: how many times its pictures the largest class has; of
    several labels, how many times the pictures with it are without it. 1 for one that does not occur, and for numbers.
    """
    targets, labels = source.targets[indices], len(source.labels)
    if source.task == "regress":
        return np.ones(labels)
    if source.task == "multilabel":
        counts = targets.sum(0)
        others = len(targets) - counts
    else:
        counts = np.bincount(targets.astype(np.int64), minlength=labels)
        others = counts.max()
    return np.where(counts > 0, others / np.maximum(counts, 1), 1.0)
