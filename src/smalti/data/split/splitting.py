"""The splits of a data set: as it gives them, with what is missing made."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smalti.configs import demand
from smalti.data.facts import Contents
from smalti.data.source import TRAIN, UNASSIGNED, VAL, Source
from smalti.data.split.dividing import divide, share_of
from smalti.data.split.given import as_given, roles
from smalti.data.split.parts import Split
from smalti.data.split.strata import labelled, manner
from smalti.errors import InputError, few, printable

__all__ = ["LEAST_VAL", "split"]

_MOST_VAL = 5000  # enough to choose by; more would only cost training pictures and time
LEAST_VAL = 100  # of a fraction: a standard error of 5 points at most; fewer can hardly tell two models apart


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
    if not contents.readable.any():
        raise InputError("no readable picture", where=source.name, mend="add pictures, or mend them")
    given = roles(source, contents)
    if (given == UNASSIGNED).all():
        found = _made(source, contents, seed, val, test)
    else:
        found = _completed(source, contents, given, seed, val)
    if fraction < 1 and len(found.train):
        found = _fraction_of(found, source, contents, seed, fraction)
    return replace(found, reason=found.reason + _unlearned(source, found.train))


def _made(source: Source, contents: Contents, seed: int, val: float, test: float) -> Split:
    """The split of data that gives none."""
    pool = np.flatnonzero(contents.readable)
    part = np.full(len(source), UNASSIGNED, np.int8)
    part[pool] = divide(source, contents, pool, seed, val, test)
    shares = f"{1 - val - test:.3g} train, {val:.3g} val, {test:.3g} test"
    reason = f"the data gives no test split: {shares}, {manner(source)}"
    return Split.of(part, reason, dropped=np.empty(0, np.int64))


def _completed(source: Source, contents: Contents, given: NDArray[np.int8], seed: int, val: float) -> Split:
    """The split that the data gives; where it leaves no val, that is taken from train."""
    part, dropped, reason = as_given(source, contents, given)
    pool = np.flatnonzero(part == TRAIN)
    if len(pool) and not (part == VAL).any():
        part[pool] = divide(source, contents, pool, seed, min(val, _MOST_VAL / len(pool)), 0.0)
        reason += f"; {(part == VAL).sum():,} of {len(pool):,} in train are set aside as val, {manner(source)}"
    if len(dropped):
        names = ", ".join(printable(source.names[i], 60) for i in dropped[:3]) + (", ..." if len(dropped) > 3 else "")
        reason += f"; {len(dropped):,} left out whose content or group is in another split too: {names}"
    return Split.of(part, reason, dropped)


def _fraction_of(whole: Split, source: Source, contents: Contents, seed: int, fraction: float) -> Split:
    """That fraction of train, and of val as far as that leaves enough to choose by; the others are dropped too."""
    train, val = share_of(source, contents, whole.train, seed, fraction), whole.val
    if len(val):
        val = share_of(source, contents, val, seed, max(fraction, min(LEAST_VAL / len(val), 1.0)))
    dropped = np.setdiff1d(np.flatnonzero(contents.readable), np.concatenate([train, val, whole.test]))
    reason = (
        f"{whole.reason}; {fraction:.3g} of train was asked for: {len(train):,} of {len(whole.train):,}, and "
        f"{len(val):,} of {len(whole.val):,} to choose by, {manner(source)}"
    )
    return Split(train, val, whole.test, reason, dropped)


def _unlearned(source: Source, train: NDArray[np.int64]) -> str:
    """What is said of classes and labels that train has nothing of; empty where it has all, or is empty itself."""
    if not len(train) or source.task == "regress":
        return ""
    missing = np.setdiff1d(np.arange(len(source.labels)), labelled(source, train)[1])
    if not len(missing):
        return ""
    return f"; train has nothing of {few(repr(source.labels[k]) for k in missing)}, which cannot be learned"
