"""Classes that the names of files say, where folders say none: "cat.0.jpg" (Dogs vs. Cats), "Egyptian_Mau_12.jpg"
(Oxford-IIIT Pets).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from smalti.data.formats.folders.by_folder import NO_CLASSES, ByFolder
from smalti.data.formats.folders.classified import classified
from smalti.data.formats.folders.layout import Layout
from smalti.data.formats.folders.parts import Parts
from smalti.data.formats.labels import in_order, split_of, words_of
from smalti.data.formats.tree import Tree
from smalti.data.source import UNASSIGNED, Problem, Source
from smalti.errors import counted, few, printable

__all__ = ["from_file_names"]

_NUMBERED = re.compile(r"(.*?)[\W_]*\d+[\W_]*")  # "cat.0", "Egyptian_Mau_12", "rose (3)"
_AT_LEAST = 5  # pictures a class, on average: fewer are names of single things
_OF_ANY = "capture dsc dscf dscn file frame gopr image images img mvi p page photo pic picture pxl sample scan"
_ANY = frozenset([*_OF_ANY.split(), "screenshot", "slice", "slide", "tile", "untitled", "vid", "video"])


def from_file_names(tree: Tree, pictures: ByFolder, layout: Layout, left_out: Iterable[Problem] = ()) -> Source | None:
    """The set whose file names, up to their number, are the classes. None where they are none, it seems: most say
    nothing, or what cameras and programs say of any picture, or differ in numbers alone (patients, videos), or there
    are hardly more pictures than names. Folders may be splits.

    Args:
        tree: the files.
        pictures: those of it.
        layout: as the folders are read.
        left_out: what of the tree is no such picture.
    """
    split_in = [_split(layout.as_meant(parts)[len(layout.around) :]) for parts in pictures.folders]
    named = {i: name for i, path in enumerate(pictures.paths) if (name := _class_in(path))}
    kept = [i for i in named if split_in[pictures.folder_of[i]] is not None]
    names = [printable(named[i], 300) for i in kept]
    number = Counter(names)
    words = {tuple(word for word in words_of(name) if not word.isdigit()) for name in number}
    if len(words) < 2 or any(_ANY.issuperset(one) for one in words):
        return None
    splits = np.asarray([split_in[pictures.folder_of[i]] for i in kept], np.int8)
    parted = splits != UNASSIGNED
    if len(kept) < max(_AT_LEAST * len(number), len(pictures.paths) / 2) or parted.any() != parted.all():
        return None
    shown = few([f"{name} ({number[name]:,})" for name in in_order(number)])
    nameless = [*pictures.paths.take(np.delete(np.arange(len(pictures.paths)), kept))]
    return classified(
        tree,
        pictures.positions[kept],
        names,
        splits,
        notes=[f"the classes are read from the names of the files, up to their numbers: {shown}"],
        problems=[*left_out, *_nameless(nameless)],
    )


def _split(parts: Parts) -> int | None:
    """The split that folders say; None where they say something else."""
    said = [split_of(part) for part in parts if part.lower() not in NO_CLASSES]
    return None if None in said or len(said) > 1 else [*said, UNASSIGNED][0]


def _class_in(path: str) -> str:
    """What a file is called up to its number; empty where that is no word."""
    found = _NUMBERED.fullmatch(path.rpartition("/")[2].rpartition(".")[0])
    return found[1] if found and words_of(found[1].strip("0123456789")) else ""


def _nameless(paths: list[str]) -> Iterator[Problem]:
    if paths:
        cause = f"{counted(len(paths), 'picture')} whose names say no class: {few(paths)}"
        mend = "put all into the folders of their classes, if these are to be used"
        yield Problem("left_out", "", cause, mend, count=len(paths))
