"""Loose pictures to predict on: a file, a folder or an archive, one reader a picture."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from smalti.data.decoding.heic import HEIF_SUFFIXES
from smalti.data.formats.archives import is_archive, list_archive
from smalti.data.formats.tree import Tree, is_picture, suffix_of
from smalti.data.formats.walk import read_regular, walk
from smalti.data.source import Raw
from smalti.errors import InputError

__all__ = ["find_pictures"]


def find_pictures(given: str | os.PathLike[str]) -> Iterator[tuple[str, Callable[[], Raw]]]:
    """Names of the pictures that a path stands for, each with a function that reads it.

    A file is taken as it is, whatever its suffix; a folder stands for all pictures below it, in sorted order; a zip or
    tar for the pictures in it ("photos.zip/cat/1.jpg"). HEIC counts as a picture where it is not read too: its answer
    says why.

    Yields:
        (name, read): `read()` gives the encoded bytes, or raises OSError where the file is missing or unreadable, so
        that one bad file does not stop the others.

    Raises:
        InputError: a folder or archive holds no picture, or cannot be listed.
    """
    path = os.path.expanduser(os.fspath(given))
    if os.path.isdir(path):
        yield from _below(walk(path, os.fspath(given)))
    elif Path(path).is_file() and is_archive(path):
        yield from _below(list_archive(path, os.fspath(given)))
    else:
        yield os.fspath(given), partial(read_regular, path)


def _below(tree: Tree) -> Iterator[tuple[str, Callable[[], Raw]]]:
    pictures = [i for i, path in enumerate(tree.paths) if is_picture(path) or suffix_of(path) in HEIF_SUFFIXES]
    if not pictures:
        raise InputError("no pictures found", where=tree.name, mend="name picture files, or folders that hold some")
    for i in pictures:
        yield os.path.join(tree.name, tree.paths[i]), partial(tree.storage.read, i)
