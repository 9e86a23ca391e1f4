"""Loose pictures to predict on: a file, a folder or an archive, one reader a picture."""

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from smalti.data.decoding.suffixes import FOREIGN_SUFFIXES
from smalti.data.formats.archives import is_archive, list_archive
from smalti.data.formats.tree import Tree, is_picture, is_unread_picture, suffix_of
from smalti.data.formats.walk import read_regular, walk
from smalti.data.source import Raw
from smalti.errors import InputError, printable

__all__ = ["find_pictures", "refuse"]

log = logging.getLogger(__name__)


def find_pictures(given: str | os.PathLike[str]) -> Iterator[tuple[str, Callable[[], Raw]]]:
    """Names of the pictures that a path stands for, each with a function that reads it.

    A file is one, whatever its suffix; a folder stands for all pictures below it, in sorted order; a zip or
    tar for the pictures in it ("photos.zip/cat/1.jpg"). Those of a format that is not read count too: their answers say
    why. What is met on the way and skipped is logged as a warning.

    Yields:
        (name, read): `read()` gives the encoded bytes, or raises OSError or InputError where the file is missing or
        unreadable, so that one bad file does not stop the others.

    Raises:
        InputError: a folder or archive holds no picture, or cannot be listed.
    """
    path = os.path.expanduser(os.fspath(given))
    if os.path.isdir(path):
        yield from _below(walk(path, os.fspath(given)))
    elif Path(path).is_file() and is_archive(path):
        yield from _below(list_archive(path, os.fspath(given)))
    else:
        yield os.fspath(given), _reader(path, partial(read_regular, path))


def refuse(error: InputError) -> NoReturn:
    """Reads nothing: raises `error`."""
    raise error


def _below(tree: Tree) -> Iterator[tuple[str, Callable[[], Raw]]]:
    for note in tree.notes:
        log.warning("%s: %s", printable(tree.name), note)
    pictures = [i for i, path in enumerate(tree.paths) if is_picture(path) or is_unread_picture(path)]
    if not pictures:
        raise InputError("no pictures found", where=tree.name, mend="name picture files, or folders that hold some")
    for i in pictures:
        yield os.path.join(tree.name, tree.paths[i]), _reader(tree.paths[i], partial(tree.storage.read, i))


def _reader(path: str, read: Callable[[], Raw]) -> Callable[[], Raw]:
    """`read`, but of no format that is not read: of the raw file of a camera Pillow would take the small preview for
    the picture."""
    suffix = suffix_of(path)
    if suffix not in FOREIGN_SUFFIXES:
        return read
    what = f"a picture in {suffix[1:].upper()}, a format that is not read"
    return partial(refuse, InputError(what, mend="export it as JPEG or PNG"))
