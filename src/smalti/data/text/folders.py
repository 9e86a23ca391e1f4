"""Files of text in a folder for each class: `pos/1.txt`, or `train/pos/1.txt` with the split before it."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from smalti.data.formats.labels import class_targets, split_of
from smalti.data.formats.walk import walk
from smalti.data.source import UNASSIGNED, Source
from smalti.data.text.kinds import is_text_name
from smalti.data.text.reading import read_text
from smalti.data.text.table import Texts
from smalti.errors import InputError, counted

__all__ = ["labels_by_folder", "open_class_folders"]

UNLABELLED = ("unsup", "unlabeled", "unlabelled")  # beside the folders of classes, as in aclImdb/train


def labels_by_folder(names: Iterable[str]) -> dict[str, tuple[int, str]]:
    """The split and the class of each file that is in the folder of one; a file beside these folders is left out, and
    so is one of a folder whose name says that its texts have no class.

    The top folders are splits where one is called train and another val or test. A folder around all is passed over.
    """
    folders = {name: name.split("/")[:-1] for name in names}
    folders = {name: folder for name, folder in folders.items() if folder and folder[-1].lower() not in UNLABELLED}
    while len({folder[0] for folder in folders.values()}) == 1 and any(len(folder) > 1 for folder in folders.values()):
        folders = {name: folder[1:] for name, folder in folders.items() if len(folder) > 1}
    tops = {split_of(folder[0]) for folder in folders.values()}
    if 0 in tops and not {1, 2}.isdisjoint(tops):
        parts = {name: (split_of(folder[0]), folder[1:]) for name, folder in folders.items()}
    else:
        parts = {name: (UNASSIGNED, folder) for name, folder in folders.items()}
    return {name: (split, "/".join(label)) for name, (split, label) in parts.items() if split is not None and label}


def open_class_folders(path: str | os.PathLike[str]) -> Source:
    """The texts of a folder, labelled by the folders they are in.

    Raises:
        InputError: no file of text is in the folder of a class, or one cannot be read; it names the file.
    """
    name = os.fspath(path)
    tree = walk(path, name)
    found = labels_by_folder(file for file in tree.paths if is_text_name(file))
    if not found:
        mend = "put the texts of each class into a folder of its own, or give a table with the columns text and label"
        raise InputError("no texts in folders of classes", where=name, mend=mend)
    texts = [read_text(Path(path) / file) for file in found]
    splits = np.array([split for split, _ in found.values()], np.int8)
    labels, targets = class_targets([label for _, label in found.values()], splits, name)
    left = len(tree.paths) - len(found)
    notes = (*tree.notes, *([f"{counted(left, 'file')} left out that are no text or of no class"] if left else []))
    return Source(name, "classify", labels, list(found), targets, splits, Texts(texts), notes=notes)
