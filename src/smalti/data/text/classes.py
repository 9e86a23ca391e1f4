"""Which class a folder of texts stands for, told from the names of all that hold texts."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from smalti.data.formats.labels import composed, split_of
from smalti.data.source import UNASSIGNED

__all__ = ["has_no_class", "labels_by_folder", "same_in_each_split"]

_UNLABELLED = ("unsup", "unlabeled", "unlabelled")  # beside the folders of classes, as in aclImdb/train


def has_no_class(folder: str) -> bool:
    """Whether the name of a folder says that its texts have no class."""
    return PurePosixPath(folder).name.lower() in _UNLABELLED


def labels_by_folder(folders: Iterable[str]) -> dict[str, tuple[int, str]]:
    """The split and the class that each folder with texts stands for; one that lies beside or above those of classes,
    or whose name says that its texts have none, is left out.

    The top folders are splits where one is called train and another val or test. A folder around all is passed over.
    """
    parts = {folder: PurePosixPath(folder).parts for folder in folders if not has_no_class(folder)}
    parts = {folder: some for folder, some in parts.items() if some}
    while len({some[0] for some in parts.values()}) == 1 and any(len(some) > 1 for some in parts.values()):
        parts = {folder: some[1:] for folder, some in parts.items() if len(some) > 1}
    tops = {split_of(some[0]) for some in parts.values()}
    if 0 in tops and not {1, 2}.isdisjoint(tops):
        places = {folder: (split_of(some[0]), some[1:]) for folder, some in parts.items()}
    else:
        places = {folder: (UNASSIGNED, some) for folder, some in parts.items()}
    return {folder: (split, "/".join(some)) for folder, (split, some) in places.items() if split is not None and some}


def same_in_each_split(labels: Mapping[str, tuple[int, str]]) -> bool:
    """Whether there are splits, and the same two or more classes in each of them, which are no numbered parts: what
    nobody calls so by chance."""
    classes: dict[int, set[str]] = {}
    for split, label in labels.values():
        classes.setdefault(split, set()).add(composed(label))
    first = next(iter(classes.values()), set())
    words = {re.sub(r"\d+", "", label) for label in first}
    return len(words) > 1 and len(classes) > 1 and all(some == first for some in classes.values())
