"""Folders that look otherwise than they are read: as splits under other names, or as classes on two levels."""

from collections.abc import Iterator, Sequence, Set

from smalti.data.formats.folders.by_folder import NO_CLASSES
from smalti.data.formats.folders.layout import Layout, Place
from smalti.data.formats.folders.parts import Parts
from smalti.data.formats.labels import composed, folded, in_order, split_of, words_of
from smalti.data.source import TEST, Problem
from smalti.errors import counted, few

__all__ = ["doubts"]

_SPLITS_AT_MOST = 5  # train, val, test and a little more, or the folds of a cross-validation


def doubts(layout: Layout, folders: Sequence[Parts], places: Sequence[Place | None]) -> list[Problem]:
    """What speaks for another layout.

    Args:
        layout: as they are read.
        folders: those that hold pictures, as they are meant.
        places: theirs.
    """
    problems: list[Problem] = []
    if layout.split_at is None:
        problems += _set_within(layout, folders)
        problems += [] if problems else _unnamed_splits(folders, len(layout.around))
        problems += [] if problems else _splits_as_classes(layout, folders, {place[0] for place in places if place})
        problems += [] if problems else _unread_splits(folders)
    below_splits = layout.split_at == len(layout.around)  # below "train" they are as meant
    if not below_splits and not any(problem.fatal for problem in problems):
        problems += _two_levels(layout, [f for f, place in zip(folders, places, strict=True) if place])
    return problems


def _set_within(layout: Layout, folders: Sequence[Parts]) -> Iterator[Problem]:
    """A folder that holds folders called as all of those beside it: the set once more, or a part of it."""
    below: dict[str, set[str]] = {}
    for parts in folders:
        if len(parts) > layout.class_at:
            below.setdefault(parts[layout.class_at], set()).update(map(folded, parts[layout.depth : layout.depth + 1]))
    tops = {folded(name) for name in below}
    for name, within in below.items():
        if 2 < len(tops) <= len(within) + 1 and tops - {folded(name)} <= within:
            path, beside = "/".join((*layout.around, name, "")), in_order(below.keys() - {name})
            cause = f"{path} holds folders called as those beside it, {few(beside)}: it is no class"
            mend = (
                "if it is a copy of the set, remove it, or name it as DATA; if it is a split, arrange all as "
                "train/<class> and test/<class>; if it is a class, put all into a folder called train"
            )
            yield Problem("odd_label", "", cause, mend, fatal=True)


def _splits_as_classes(layout: Layout, folders: Sequence[Parts], classes: Set[str]) -> Iterator[Problem]:
    """Classes that are called as splits are. Such a class there may be ("train" beside "car", "valid" beside
    "invalid"), but hardly one called test, nor where all others say nothing, or where these hold pictures and the
    others folders alone, or the other way round.

    Args:
        layout: as they are read.
        folders: those that hold pictures.
        classes: their names.
    """
    called = {name for name in classes if any(split_of(word) is not None for word in words_of(name))}
    if called:
        holding = {parts[-1] for parts in folders if len(parts) == layout.depth}  # pictures, not folders alone
        others = {name for name in classes - called if name.lower() not in NO_CLASSES}
        fatal = {name in holding for name in called}.isdisjoint(name in holding for name in others)
        fatal |= any(split_of(name) == TEST for name in called)
        shown = few("/".join((*layout.around, name, "")) for name in sorted(called))
        cause = f"called as splits are, but taken for classes: {shown}"
        mend = (
            "if they are splits, arrange all as train/<class> and test/<class> and move pictures without a class away, "
            "or name the folder around the classes as DATA; if they are classes, put all into a folder called train"
        )
        yield Problem("unknown_split", "", cause, mend, fatal)


def _unread_splits(folders: Sequence[Parts]) -> Iterator[Problem]:
    """Folders called train and test, deeper down, which are no splits of all that is there."""
    found = {split_of(part): f"{'/'.join(parts[:k])}/" for parts in folders for k, part in enumerate(parts, 1)}
    found.pop(None, None)
    if 0 in found and len(found) > 1:
        cause = f"{few(found.values())} are called as splits are, but are taken for classes or for parts of them"
        mend = "if they are splits, arrange all as train/<class>, test/<class>, or name the folder around them as DATA"
        yield Problem("unknown_split", "", cause, mend)


def _unnamed_splits(folders: Sequence[Parts], depth: int) -> Iterator[Problem]:
    """A few folders that hold nothing but folders, the same ones in each: splits that are not called so, more likely
    than classes."""
    below: dict[str, set[str]] = {}
    for parts in folders:
        if len(parts) < depth + 2:
            return
        below.setdefault(parts[depth], set()).add(composed(parts[depth + 1]))
    shared = sorted(name for name in set.intersection(*below.values()) if split_of(name) is None)
    if 1 < len(below) <= _SPLITS_AT_MOST and len(shared) > 1:
        cause = f"{few(sorted(below), _SPLITS_AT_MOST)} look like splits over the classes {few(shared)}"
        mend = (
            "call them train, val and test; if they are the classes, put them all into a folder called train; if they "
            "are versions of the same pictures, name one of them as DATA"
        )
        yield Problem("unknown_split", "", cause, mend, fatal=True)


def _two_levels(layout: Layout, folders: Sequence[Parts]) -> Iterator[Problem]:
    """Classes that hold no picture themselves, but several folders: either level may be the classes.

    Args:
        layout: as they are read.
        folders: those of the pictures that are kept.
    """
    if any(len(parts) == layout.depth for parts in folders):
        return
    pairs = {(parts[layout.class_at], composed(parts[layout.depth])) for parts in folders}
    upper, lower = ({*names} for names in zip(*pairs, strict=True))
    if len(pairs) == len(upper):  # one folder in each says nothing more
        return
    cause = f"the classes are the {counted(len(upper), 'upper folder')}, {few(in_order(upper))}; below them "
    if len(pairs) == len(lower):
        cause += f"lie {len(lower)} others, {few(in_order(lower))}"
        mend = "put them side by side in place of the upper ones"
        if layout.split_at is not None:
            mend = "arrange them as train/<lower folder> and test/<lower folder>"
    else:  # patients, or versions of the same pictures
        cause += f"the same names return, {few(in_order(lower))}"
        columns = "path and label" if layout.split_at is None else "path, label and split"
        mend = f"name the pictures in a manifest.csv with the columns {columns}, and group (the upper folder) if each "
        mend += "is one patient or the like"
    yield Problem(
        "odd_label", "", cause, f"if the lower ones are the classes, {mend}, or name one upper folder as DATA"
    )
