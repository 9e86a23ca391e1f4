"""Files of text in a folder for each class: `pos/1.txt`, or `train/pos/1.txt` with the split before it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from smalti.data.formats.labels import class_targets
from smalti.data.formats.tree import Tree
from smalti.data.formats.walk import walk
from smalti.data.source import Source
from smalti.data.text.classes import has_no_class, labels_by_folder
from smalti.data.text.kinds import is_text_name
from smalti.data.text.reading import read_text
from smalti.data.text.table import Texts
from smalti.errors import InputError, counted, few

__all__ = ["open_class_folders"]


def open_class_folders(path: str | os.PathLike[str], *, raw: bool = False) -> Source:
    """The texts of a folder, labelled by the folders they are in; `raw` as in `read_text`.

    Raises:
        InputError: no file of text is in the folder of a class, or one cannot be read; it names the file.
    """
    name = os.fspath(path)
    tree = walk(path, name)
    folder_of = {file: file.rpartition("/")[0] for file in tree.paths if is_text_name(file)}
    places = labels_by_folder({*folder_of.values()})
    found = {file: places[folder] for file, folder in folder_of.items() if folder in places}
    if not found:
        mend = "put the texts of each class into a folder of its own, or give a table with the columns text and label"
        raise InputError("no texts in folders of classes", where=name, mend=mend)
    texts = [read_text(Path(path) / file, raw=raw) for file in found]
    splits = np.array([split for split, _ in found.values()], np.int8)
    labels, targets = class_targets([label for _, label in found.values()], splits, name)
    left = [file for file in tree.paths if file not in found]
    notes = (*tree.notes, *_left_out(left), *_empty(tree, {*folder_of.values()}, places))
    return Source(name, "classify", labels, list(found), targets, splits, Texts(texts), notes=notes)


def _left_out(files: Sequence[str]) -> Iterator[str]:
    """Says which files are left out, those of folders without a class apart from those beside."""
    without = [file for file in files if is_text_name(file) and has_no_class(file.rpartition("/")[0])]
    if without:
        folders = sorted({file.rpartition("/")[0] for file in without})
        yield f"{counted(len(without), 'text')} left out, of no class: {few(f'{folder}/' for folder in folders)}"
    if beside := sorted({*files}.difference(without)):
        yield f"{counted(len(beside), 'file')} left out, no text or beside the classes: {few(beside)}"


def _empty(tree: Tree, with_texts: Iterable[str], classes: Iterable[str]) -> Iterator[str]:
    """Says which folders beside those of the classes hold no text."""
    holding = {str(one) for folder in map(PurePosixPath, with_texts) for one in (folder, *folder.parents)}
    beside = {folder.rpartition("/")[0] for folder in classes}
    if empty := [folder for folder in tree.folders if folder.rpartition("/")[0] in beside and folder not in holding]:
        yield f"{counted(len(empty), 'folder')} beside the classes without a text: {few(f'{one}/' for one in empty)}"
