"""Texts that a finished model is asked about: as they are, or in files."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from smalti.data.formats.table import MANIFEST_SUFFIXES
from smalti.data.formats.tree import suffix_of
from smalti.data.text.reading import read_text
from smalti.data.text.table import read_table
from smalti.errors import InputError

__all__ = ["asked_texts", "is_file_name"]

SUFFIX = re.compile(r"[^\s/\\.]\.[a-z][a-z0-9]{0,8}$", re.IGNORECASE)
LOOSE = re.compile(r"\s|://")


def asked_texts(
    inputs: Iterable[str | os.PathLike[str]], column: str, *, raw: bool = False
) -> Iterator[str | InputError]:
    """The texts among `inputs`, in order. The name of a table stands for those in a column of it, that of another file
    for its lines, blank ones left out.

    Args:
        inputs: texts, and names of files as `is_file_name` knows them; what is no str is one anyway.
        column: of tables.
        raw: a file that is no UTF-8 is read as well, byte by byte.

    Yields:
        A text; or why a file cannot be read, in its place, so that one bad file does not stop the others.
    """
    for asked in inputs:
        if isinstance(asked, str) and not is_file_name(asked):
            yield asked
            continue
        try:
            yield from texts_in(os.fspath(asked), column, raw)
        except InputError as error:
            yield error


def is_file_name(text: str) -> bool:
    """Whether a text is the name of a file. What is there is one. What is not has two of three signs: a suffix, a
    folder that is there, nothing that texts alone have (spaces, "://"). So a mistyped name is not taken for a text, and
    3/5/1987, and/or and 1.5 are not taken for names.
    """
    path = os.path.expanduser(text)
    folder = os.path.dirname(path)
    signs = SUFFIX.search(path) is not None, folder != "" and os.path.isdir(folder), LOOSE.search(path) is None
    return os.path.exists(path) or sum(signs) >= 2


def texts_in(name: str, column: str, raw: bool) -> Sequence[str]:
    """The texts in a file. Raises InputError where it cannot be read."""
    path = os.path.expanduser(name)
    if not os.path.isfile(path):
        why, mend = "no such file", "check its name"
        if os.path.exists(path):
            why, mend = "a folder" if os.path.isdir(path) else "not a regular file", "name a file of texts"
        raise InputError("cannot be read", where=name, why=why, mend=f"{mend}, or add --texts if it is a text")
    if suffix_of(path.removesuffix(".gz")) in MANIFEST_SUFFIXES:
        return read_table(path, (column,)).columns[column]
    try:
        text = read_text(path)
    except InputError:
        if not raw:
            raise
        text = read_text(path, raw=True)
    return [line for line in text.split("\n") if line.strip()]
