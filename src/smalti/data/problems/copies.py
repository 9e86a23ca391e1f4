"""Pictures that are the same, or of the same group: in two splits, under two labels, or more than once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smalti.data.facts import Facts
from smalti.data.problems.samples import OTHERS, names_of
from smalti.data.source import SPLITS, TEST, TRAIN, VAL, Problem, Source
from smalti.errors import few

__all__ = ["divided_groups", "equal_pictures"]

_SLIPS = 0.2  # of all pictures; more of them under two labels are no slips
_LEFT_OUT = {True: ", or let smalti leave it out: --leaks drop", False: "; until then smalti leaves it out by itself"}


def equal_pictures(source: Source, facts: Facts, places: NDArray[np.int64]) -> Iterator[Problem]:
    """Equal pictures: in two splits, under two labels, or merely more than once."""
    weakest = VAL if (places == TEST).any() else TRAIN  # gives way, as in `split`
    conflicting = np.zeros(len(source), bool)
    for members in _repeated(facts):
        names, where = names_of(source, members), set(places[members].tolist())
        if len(where) > 1:
            yield _leak(source, members, places[members], weakest if weakest in where else TRAIN)
        targets = source.targets[members].reshape(len(members), -1)
        if (odd := (targets != targets[0]).any(1)).any():
            conflicting[members] = True
            yield _conflict(source, members, names, int(odd.argmax()))
        elif len(where) == 1:
            yield _copies(names)
    if source.task != "regress":  # amounts may well be several measurements of one picture
        yield from _no_slips(source, facts.readable, conflicting)


def divided_groups(source: Source, places: NDArray[np.int64]) -> Iterator[Problem]:
    """Groups with pictures in two splits."""
    if source.groups is None:
        return
    for lesser, greater in ((TRAIN, TEST), (VAL, TEST), (TRAIN, VAL)):
        shared = np.intersect1d(source.groups[places == lesser], source.groups[places == greater])
        if len(shared):
            names = names_of(source, np.flatnonzero((places == lesser) & np.isin(source.groups, shared)))
            cause = f"its group is also in {SPLITS[greater]}, as {len(shared):,} of the groups in {SPLITS[lesser]} are"
            mend = f"keep each group in one split{_LEFT_OUT[greater == TEST]}"
            others = tuple(names[1 : OTHERS + 1])
            yield Problem("leak", names[0], cause, mend, greater == TEST, len(names), others)


def _leak(source: Source, members: NDArray[np.int64], places: NDArray[np.int64], lesser: int) -> Problem:
    """Of equal pictures in more than one split: those in the `lesser` one give way."""
    where = set(places.tolist())
    greater = max(where - {lesser})
    here, there = members[places == lesser], members[places == greater]
    cause = f"the same picture is in {SPLITS[greater]}: {source.names[int(there[0])]}"
    mend = f"remove it from {SPLITS[lesser]}{_LEFT_OUT[TEST in where]}"
    first, *rest = names_of(source, np.concatenate([here, members[places != lesser]]))
    return Problem("leak", first, cause, mend, TEST in where, len(members), tuple(rest[:OTHERS]))


def _conflict(source: Source, members: NDArray[np.int64], names: list[str], odd: int) -> Problem:
    """Of equal pictures, the one at `odd` under another label than the first: two files, or two rows of one."""
    ours, theirs = _label(source, members[0]), _label(source, members[odd])
    if names[odd] == names[0]:
        cause = f"named in several rows, labelled {ours} and {theirs}"
        mend = "keep the row that is right; for several labels, one row with labels = a|b"
    else:
        cause = f"labelled {ours}, but the same picture {names[odd]} is labelled {theirs}"
        mend = "keep the one that is right"
    return Problem("duplicate_conflict", names[0], cause, mend, False, len(names), tuple(names[1 : OTHERS + 1]))


def _no_slips(source: Source, readable: NDArray[np.bool_], conflicting: NDArray[np.bool_]) -> Iterator[Problem]:
    """Pictures under two labels, where they are all of a class or too many of all.

    Args:
        readable: (N,) those that can be.
        conflicting: (N,) those that are there under another label too.
    """
    lost: list[str] = []
    if source.task == "classify":
        kept = source.targets[readable & ~conflicting]
        lost = [source.labels[k] for k in np.setdiff1d(source.targets[conflicting], kept)]
    n, of_all = int(conflicting.sum()), int(readable.sum())
    if lost or n > _SLIPS * of_all:
        cause = f"{n:,} of {of_all:,} pictures are there under another label too"
        cause += f", all of {few(map(repr, lost))} among them" if lost else ""
        mend = "give each picture one label, and remove copies of the set; several labels belong into one row, as a|b"
        yield Problem("duplicate_conflict", "", cause, mend, fatal=True, count=n)


def _copies(names: list[str]) -> Problem:
    more = f" and {len(names) - 2:,} more" if len(names) > 2 else ""
    mend = "remove the copies, or leave them: smalti keeps them in one split"
    cause = f"the same picture as {names[1]}{more}"
    return Problem("duplicate", names[0], cause, mend, False, len(names), tuple(names[1 : OTHERS + 1]))


def _repeated(facts: Facts) -> list[NDArray[np.int64]]:
    """Positions of equal pictures, ascending, one array for each content that occurs more than once."""
    positions = np.flatnonzero(facts.readable)
    contents = facts.contents[positions]
    repeated = np.bincount(contents, minlength=1)[contents] > 1
    positions, contents = positions[repeated], contents[repeated]
    order = np.argsort(contents, kind="stable")
    groups = np.split(positions[order], np.flatnonzero(np.diff(contents[order])) + 1)
    return sorted((group for group in groups if len(group)), key=lambda group: group[0])


def _label(source: Source, index: int) -> str:
    target = source.targets[index]
    if source.task == "classify":
        return repr(source.labels[int(target)])
    if source.task == "multilabel":
        return repr([name for name, on in zip(source.labels, np.asarray(target), strict=True) if on])
    return ", ".join(f"{value:g}" for value in np.asarray(target))
