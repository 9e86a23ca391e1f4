"""Texts that a finished model is asked about: as they are, or in files."""

import os
from collections.abc import Iterable, Iterator

from smalti.data.formats.table import MANIFEST_SUFFIXES
from smalti.data.formats.tree import suffix_of
from smalti.data.text.kinds import is_text_name
from smalti.data.text.reading import read_text
from smalti.data.text.table import read_table

__all__ = ["asked_texts"]


def asked_texts(inputs: Iterable[str | os.PathLike[str]], column: str) -> Iterator[str]:
    """The texts among `inputs`, in order. One that names a table gives those in a column of it, one that names a file
    of text its lines, blank ones left out. Raises InputError where such a file cannot be read."""
    for asked in inputs:
        text = os.fspath(asked)
        if not os.path.isfile(text):
            yield text
        elif suffix_of(text) in MANIFEST_SUFFIXES:
            yield from read_table(text, (column,)).columns[column]
        elif is_text_name(text):
            yield from (line for line in read_text(text).split("\n") if line.strip())
        else:
            yield text
