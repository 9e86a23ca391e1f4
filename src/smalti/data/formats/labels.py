"""Names of splits and classes: which words mean a split, in which order classes stand, how samples map onto them."""

import re
from collections.abc import Iterable
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from smalti.data.source import SPLITS, UNASSIGNED
from smalti.errors import InputError, printable

__all__ = ["SPLIT_WORDS", "class_targets", "composed", "folded", "in_order", "split_named", "split_of", "words_of"]

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation", "dev"), 1),
    **dict.fromkeys(("test", "testing"), 2),
}
_SPLIT = re.compile(rf"({'|'.join(SPLIT_WORDS)})([ _-]?(set|data|dataset|images))?")
_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d+")


def split_of(name: str) -> int | None:
    """The position in SPLITS that a folder or column value means ("train", "Test set", "val_images"), in any case; None
    where it means none."""
    found = _SPLIT.fullmatch(name.strip().lower())
    return SPLIT_WORDS[found[1]] if found else None


def words_of(name: str) -> tuple[str, ...]:
    """The words and the numbers of a name, in small letters: "trainImages_2" has three."""
    return tuple(word.lower() for word in _WORD.findall(name))


def split_named(name: str) -> int | None:
    """The position in SPLITS that words of a name mean ("trainLabels", "test1"); None where none does, or two do not
    mean the same."""
    found = {split_of(word) for word in words_of(name)} - {None}
    return found.pop() if len(found) == 1 else None


def composed(name: str) -> str:
    """A name as most systems write it: "ü" is one character, where a Mac stores the letter and its marks one by one."""
    return normalize("NFC", name)


def folded(name: str) -> str:
    """The same for all names that differ in capital letters alone, or in how they are composed."""
    return composed(name).casefold()


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Distinct names, sorted; by value where all are integers, so that "2" stands before "10"."""
    distinct = set(names)
    if all(name.isascii() and name.removeprefix("-").isdigit() for name in distinct):
        return tuple(sorted(distinct, key=lambda name: (int(name), name)))
    return tuple(sorted(distinct))


def class_targets(
    names: Iterable[str], splits: NDArray[np.int8], where: object
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Labels in order and (N,) positions in them, from the class name of each sample.

    Raises:
        InputError: there is a training part, and a class occurs only outside it, so that no model could ever answer it.
    """
    numbers: dict[str, int] = {}  # in the order they occur
    found = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int64)
    labels = in_order(map(composed, numbers))
    place = {label: i for i, label in enumerate(labels)}
    targets = np.asarray([place[composed(name)] for name in numbers], np.int64)[found]
    learned = (splits == 0) | (splits == UNASSIGNED)
    if learned.any():
        unseen = np.setdiff1d(targets, targets[learned])
        if len(unseen):
            label = labels[unseen[0]]
            split = SPLITS[int(splits[targets == unseen[0]][0])]
            more = f"{len(unseen)} classes do" if len(unseen) > 1 else ""
            raise InputError(
                f"class {printable(label)!r} occurs only in {split}",
                where=where,
                why=more,
                mend="add pictures of it to train, correct its name, or remove it",
            )
    return labels, targets
