"""What can be wrong with a data set: one function for each kind of trouble, each yielding problems with their mend.

Nothing is read here: a problem is judged from the index (`Source`) and from what was seen of each picture (`Facts`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from os.path import splitext

import numpy as np
from numpy.typing import NDArray

from smalti.data.decode import FORMATS, PICTURE_SUFFIXES
from smalti.data.facts import Facts
from smalti.data.formats.arrays import Stacks
from smalti.data.source import SPLITS, UNASSIGNED, Problem, Source
from smalti.data.split import roles

__all__ = ["KINDS", "OVERSHOOT", "Problem", "find", "given", "in_order"]

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

OVERSHOOT = 0.02  # of the highest value: by how much resampling may leave the range of values

_TRAIN, _VAL, _TEST = range(len(SPLITS))
_LEARNED = (_TRAIN, UNASSIGNED)
_LISTED = 1000  # problems of a kind
_OTHERS = 20  # files named in one problem
_IMBALANCE = 10  # largest class over smallest
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
_MANY_CLASSES, _FEW_EACH = 20, 4  # more classes with fewer pictures each are likely to be no classes
_FEW_AMOUNTS = 10  # no more whole numbers than these, each twice or more often, are likely to be classes
_LONG, _SMALL, _OFF = 4, 8, 10  # odd sizes: long over short side, pixels, times the median
_LEFT_OUT = {True: ", or let smalti leave it out: --leaks drop", False: "; until then smalti leaves it out by itself"}


def given(source: Source, facts: Facts) -> NDArray[np.int64]:
    """(N,) the split that the data gives each sample, UNASSIGNED where none; one past the last if it is unreadable."""
    places = roles(source, facts)
    if (places == UNASSIGNED).all() and (source.splits == _TRAIN).any():
        places = np.full_like(places, _TRAIN)
    return np.where(facts.readable, places, len(SPLITS)).astype(np.int64)


def find(
    source: Source, facts: Facts, places: NDArray[np.int64], counts: NDArray[np.int64], channels: int
) -> Iterator[Problem]:
    """All problems.

    Args:
        places: (N,) as `given` tells.
        counts: (4, K) samples of each class in train, val, test and in no split.
        channels: that the model will be given.
    """
    yield from source.problems
    yield from _unreadable(source, facts)
    yield from _missing_splits(places)
    if source.task == "regress":
        yield from _constant_targets(source, places)
        yield from _odd_targets(source)
    else:
        yield from _poor_classes(source, counts)
        yield from _imbalance(source, counts)
        yield from _odd_labels(source)
        yield from _labels_alike(source)
    yield from _equal_pictures(source, facts, places)
    yield from _divided_groups(source, places)
    yield from _wrong_extensions(source, facts)
    yield from _odd_sizes(source, facts)
    yield from _odd_depths(source, facts, channels)
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


def _unreadable(source: Source, facts: Facts) -> Iterator[Problem]:
    for index, failure in facts.failures.items():
        mend = f"{failure.mend}; or train without it: --bad-images skip"
        yield Problem("unreadable", source.names[index], failure.cause, mend, fatal=True)


def _missing_splits(places: NDArray[np.int64]) -> Iterator[Problem]:
    there = [name for place, name in enumerate(SPLITS) if (places == place).any()]
    if not np.isin(places, _LEARNED).any():
        cause = f"there is only {' and '.join(there)}, nothing to train on" if there else "no picture can be read"
        yield Problem("missing_split", "", cause, "add pictures to train", fatal=True)
    elif there == ["train", "val"]:
        cause = "there is val but no test, so val serves as the test and a new val is taken from train"
        yield Problem("missing_split", "", cause, "add a test split to have it otherwise")


def _constant_targets(source: Source, places: NDArray[np.int64]) -> Iterator[Problem]:
    columns = source.targets[np.isin(places, _LEARNED)].T
    constant = [name for name, column in zip(source.labels, columns, strict=True) if len(np.unique(column)) == 1]
    for name in constant:
        cause = f"the target {name!r} has the same value for every picture to train on"
        yield Problem("constant", "", cause, "give its real values", fatal=len(constant) == len(source.labels))


def _poor_classes(source: Source, counts: NDArray[np.int64]) -> Iterator[Problem]:
    """Classes with too little to learn from or to judge by."""
    learned, judged = counts[list(_LEARNED)].sum(0), counts[_TEST]
    one_label = source.task == "classify"
    names = [source.labels[k] for k in np.flatnonzero(learned)]
    if len(names) == 1 and one_label:
        mend = "add pictures of at least one other class"
        yield Problem("one_class", "", f"there is only one class to learn, {names[0]!r}", mend, fatal=True)
    elif not names and not one_label:
        yield Problem("one_class", "", "no picture to train on has a label", "add pictures that have one", fatal=True)
    if names and one_label and learned.max() == 1 and not judged.any():
        cause = "no class has two pictures, so nothing is left to test on"
        yield Problem("few", "", cause, "add pictures of each class", fatal=True)
    for name, row in zip(source.labels, counts.T, strict=True):
        learn = row[list(_LEARNED)].sum()
        if not row.any():
            cause = f"the class {name!r} has no picture that can be read"
            yield Problem("empty_class", "", cause, "add pictures of it, or remove it")
        elif not learn:
            cause = f"the class {name!r} is in {'test' if row[_TEST] else 'val'} but not in train: it cannot be learned"
            yield Problem("unseen_class", "", cause, "add such pictures to train, or remove them", fatal=one_label)
        elif learn == 1:
            yield Problem("few", "", f"the class {name!r} has one picture to learn from", "add pictures of it")
        if learn and judged.any() and not row[_TEST]:
            cause = f"the class {name!r} has no picture in test: nothing will be known of how well it is told"
            yield Problem("empty_class", "", cause, "add such pictures to test")


def _imbalance(source: Source, counts: NDArray[np.int64]) -> Iterator[Problem]:
    learned = counts[list(_LEARNED)].sum(0)
    most, least = int(learned.argmax()), int(np.where(learned, learned, learned.max()).argmin())
    if learned[most] >= _IMBALANCE * learned[least] > 0:
        cause = f"{source.labels[most]!r} has {learned[most]:,} pictures to learn from, {source.labels[least]!r} has "
        mend = "add pictures of the rare classes; training weighs them up, --set target.sampling=balanced draws evenly"
        yield Problem("imbalance", "", cause + f"{learned[least]:,}", mend)


def _odd_labels(source: Source) -> Iterator[Problem]:
    """Labels that are likely to be something else: amounts, or several labels in one."""
    labels = source.labels
    if source.task == "multilabel":
        commas = [label for label in labels if "," in label]
        if commas and (source.targets.sum(1) <= 1).all():
            cause = f"no picture has two labels, but some have commas, as {commas[0]!r}"
            yield Problem("odd_label", "", cause, "labels are separated by | or ;", count=len(commas))
        return
    many = len(labels) > max(_MANY_CLASSES, len(source) / _FEW_EACH)
    if all(map(_NUMBER.fullmatch, labels)) and (many or not all(label.isdigit() for label in labels)):
        cause = f"all {len(labels):,} classes are numbers, as {labels[0]!r}"
        mend = f"if they are amounts, {_instead(source, 'target', 'floats')}, or give --task regress"
        yield Problem("odd_label", "", cause, mend, count=len(labels))


def _labels_alike(source: Source) -> Iterator[Problem]:
    """Labels that differ in capital letters alone; not single letters, which may be what is to be read."""
    alike: dict[str, list[str]] = {}
    for label in source.labels:
        alike.setdefault(label.casefold(), []).append(label)
    for labels in alike.values():
        if len(labels) > 1 and len(labels[0]) > 1:
            cause = f"the labels {', '.join(map(repr, labels))} differ in capital letters alone"
            yield Problem("odd_label", "", cause, "if they mean the same, write them in one way", count=len(labels))


def _odd_targets(source: Source) -> Iterator[Problem]:
    """Amounts that are likely to be the numbers of classes."""
    values = np.unique(np.asarray(source.targets, np.float64))
    some = 1 < len(values) <= min(_FEW_AMOUNTS, len(source) / 2)
    if source.labels == ("target",) and some and (values == np.round(values)).all():
        cause = f"all targets are whole numbers, {len(values)} in all, as {values[0]:g} and {values[-1]:g}"
        mend = f"if they are classes, give --task classify, or {_instead(source, 'label', 'integers')}"
        yield Problem("odd_label", "", cause, mend)


def _instead(source: Source, column: str, numbers: str) -> str:
    """How answers are given as what they are: under another name, or in arrays as another type."""
    return f"store them as {numbers}" if isinstance(source.storage, Stacks) else f"call the column {column}"


def _equal_pictures(source: Source, facts: Facts, places: NDArray[np.int64]) -> Iterator[Problem]:
    """Equal pictures: in two splits, under two labels, or merely more than once."""
    weakest = _VAL if (places == _TEST).any() else _TRAIN  # gives way, as in `split`
    for members in _repeated(facts):
        names = _names(source, members)
        where = set(places[members].tolist())
        if len(where) > 1:
            lesser = weakest if weakest in where else _TRAIN
            greater = max(where - {lesser})
            here, there = (members[places[members] == place] for place in (lesser, greater))
            cause = f"the same picture is in {SPLITS[greater]}: {_names(source, there)[0]}"
            mend = f"remove it from {SPLITS[lesser]}{_LEFT_OUT[_TEST in where]}"
            first, *rest = _names(source, np.concatenate([here, members[places[members] != lesser]]))
            yield Problem("leak", first, cause, mend, _TEST in where, len(members), tuple(rest[:_OTHERS]))
        targets = source.targets[members].reshape(len(members), -1)
        others = tuple(names[1 : _OTHERS + 1])
        if (odd := (targets != targets[0]).any(1)).any():
            twin, label = names[int(odd.argmax())], _label(source, members[odd][0])
            cause = f"labelled {_label(source, members[0])}, but the same picture {twin} is labelled {label}"
            mend = "keep the one that is right"
            if twin == names[0]:
                cause = f"named in several rows, labelled {_label(source, members[0])} and {label}"
                mend = "keep the row that is right; for several labels, one row with labels = a|b"
            yield Problem("duplicate_conflict", names[0], cause, mend, False, len(members), others)
        elif len(where) == 1:
            more = f" and {len(members) - 2:,} more" if len(members) > 2 else ""
            mend = "remove the copies, or leave them: smalti keeps them in one split"
            cause = f"the same picture as {names[1]}{more}"
            yield Problem("duplicate", names[0], cause, mend, False, len(members), others)


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


def _divided_groups(source: Source, places: NDArray[np.int64]) -> Iterator[Problem]:
    if source.groups is None:
        return
    for lesser, greater in ((_TRAIN, _TEST), (_VAL, _TEST), (_TRAIN, _VAL)):
        shared = np.intersect1d(source.groups[places == lesser], source.groups[places == greater])
        if len(shared):
            names = _names(source, np.flatnonzero((places == lesser) & np.isin(source.groups, shared)))
            cause = f"its group is also in {SPLITS[greater]}, as {len(shared):,} of the groups in {SPLITS[lesser]} are"
            mend = f"keep each group in one split{_LEFT_OUT[greater == _TEST]}"
            others = tuple(names[1 : _OTHERS + 1])
            yield Problem("leak", names[0], cause, mend, greater == _TEST, len(names), others)


def _wrong_extensions(source: Source, facts: Facts) -> Iterator[Problem]:
    found: dict[tuple[str, str], list[str]] = {}
    for index in np.flatnonzero(facts.readable).tolist():
        name, kind = source.names[index], facts.format_of(index)
        suffix = splitext(name)[1].lower()
        if suffix in PICTURE_SUFFIXES and kind in FORMATS and suffix not in FORMATS[kind]:
            found.setdefault((suffix, kind), []).append(name)
    for (suffix, kind), names in found.items():
        mend = f"rename it to {FORMATS[kind][0]}; smalti reads it either way"
        yield _several("wrong_extension", names, f"named {suffix}, but it is {kind}", mend)


def _odd_sizes(source: Source, facts: Facts) -> Iterator[Problem]:
    short, long = facts.sizes.min(1), facts.sizes.max(1)
    side = np.sqrt(facts.sizes.astype(np.float64).prod(1))
    middle = float(np.median(side[facts.readable])) if facts.readable.any() else 0.0
    larger = "use the original, if there is a larger one"
    for odd, cause, mend in (
        (long > _LONG * short, f"one side more than {_LONG} times the other", "crop it, or remove it"),
        (short < _SMALL, f"a side of fewer than {_SMALL} pixels", larger),
        (
            side > _OFF * middle,
            f"over {_OFF} times the size of most, {middle:.0f} pixels",
            "see that it belongs here",
        ),
        (side * _OFF < middle, f"below a tenth of the size of most, {middle:.0f} pixels", larger),
    ):
        if names := _names(source, np.flatnonzero(odd & facts.readable)):
            height, width = facts.sizes[odd & facts.readable][0]
            yield _several("odd_size", names, f"{height} x {width}: {cause}", mend)


def _odd_depths(source: Source, facts: Facts, channels: int) -> Iterator[Problem]:
    negative = facts.lows < -OVERSHOOT * facts.peaks.max(initial=0.0)
    if negative.any():
        cause = f"negative values, down to {facts.lows.min():g}, which would become black"
        mend = "shift them all by the same number, or save the pictures as 8 or 16 bit"
        yield _several("odd_depth", _names(source, np.flatnonzero(negative)), cause, mend, fatal=True)
    deep, shallow = facts.readable & facts.deep, facts.readable & ~facts.deep
    if deep.any() and shallow.any():
        odd, cause = (deep, "deeper than 8 bits") if deep.sum() <= shallow.sum() else (shallow, "8 bits")
        mend = "store all pictures with the same depth"
        yield _several("odd_depth", _names(source, np.flatnonzero(odd)), f"{cause}, while most pictures are not", mend)
    grey, colour = facts.readable & (facts.bands == 1), facts.readable & (facts.bands == 3)
    fit = (facts.bands == channels) | (grey if channels == 3 else False)
    unfit = facts.readable & ~fit
    if unfit.any():
        cause = f"{facts.bands[unfit][0]} channels where {channels} are expected"
        mend = f"give all pictures {channels} channels"
        yield _several("odd_depth", _names(source, np.flatnonzero(unfit)), cause, mend, fatal=True)
    elif colour.any() and colour.sum() < grey.sum():
        mend = "make it grey if its colour says nothing; the model then needs one channel only"
        yield _several(
            "odd_depth", _names(source, np.flatnonzero(colour)), "colour, while most pictures are grey", mend
        )
    elif colour.any() and grey.any():
        mend = "nothing must be done: grey is read as colour of equal channels"
        yield _several(
            "odd_depth", _names(source, np.flatnonzero(grey)), "grey, while most pictures are in colour", mend
        )


def _names(source: Source, positions: NDArray[np.int64]) -> list[str]:
    return [source.names[i] for i in map(int, positions)]


def _several(kind: str, names: Sequence[str], cause: str, mend: str, *, fatal: bool = False) -> Problem:
    """One problem for all samples that have it."""
    more = f"; {len(names) - 1:,} more like it" if len(names) > 1 else ""
    return Problem(kind, names[0], cause + more, mend, fatal, len(names), tuple(names[1 : _OTHERS + 1]))
