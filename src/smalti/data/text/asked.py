"""Texts that a finished model is asked about: as they are, or in files."""

import os
import re
from collections.abc import Iterable, Iterator
from functools import partial

from smalti.data.formats.columns import Columns, as_learned, demand_no_columns
from smalti.data.formats.table import MANIFEST_SUFFIXES
from smalti.data.formats.tree import suffix_of
from smalti.data.text.reading import read_text, without_gz
from smalti.data.text.table import read_column
from smalti.errors import InputError

__all__ = ["asked_texts", "is_file_name"]

SUFFIX = re.compile(r"[^\s/\\.]\.(?:[a-z][a-z0-9]{1,8}|[chr])$", re.IGNORECASE)  # "e.g" has none
LOOSE = re.compile(r"\s|://|@")


def asked_texts(
    inputs: Iterable[str | os.PathLike[str]],
    column: str,
    *,
    raw: bool = False,
    columns: Columns | None = None,
    learned: Columns | None = None,
) -> Iterator[str | InputError]:
    """The texts among `inputs`, in order. The name of a table stands for those in a column of it, that of another file
    for its lines, blank ones left out.

    Args:
        inputs: texts, and names of files as `is_file_name` knows them; a path is one anyway.
        column: of tables.
        raw: a file that is no UTF-8 is read as well, byte by byte.
        columns: what columns of other names mean, where tables alone are asked about.
        learned: what they meant when the model learned, which counts for tables that have them, where no `columns` are.

    Yields:
        A text; or why a file or a row cannot be read, in its place, so that one does not stop the others. What is no
        text stays as it is.
    """
    for asked in inputs:
        try:
            if isinstance(asked, os.PathLike) or (isinstance(asked, str) and is_file_name(asked)):
                yield from texts_in(os.fspath(asked), column, raw, columns, learned)
            else:
                demand_no_columns(columns, asked)
                yield asked
        except InputError as error:
            yield error


def is_file_name(text: str) -> bool:
    """Whether a text is the name of a file. What is there is one. What is not has two of three signs: a suffix, a
    folder that is there (the top one says nothing), nothing that texts alone have (spaces, "://", "@"). So a mistyped
    name is not taken for a text, and 3/5/1987, and/or and 1.5 are not taken for names.
    """
    path = os.path.expanduser(text)
    folder = os.path.dirname(path)
    in_folder = folder.strip("/.") != "" and os.path.isdir(folder)
    signs = SUFFIX.search(path) is not None, in_folder, LOOSE.search(path) is None
    return os.path.exists(path) or sum(signs) >= 2


def texts_in(
    name: str, column: str, raw: bool, columns: Columns | None, learned: Columns | None
) -> Iterable[str | InputError]:
    """The texts in a file. Raises InputError where it cannot be read."""
    path = os.path.expanduser(name)
    if not os.path.isfile(path):
        why, mend = "no such file", "check its name"
        if os.path.exists(path):
            why, mend = "a folder" if os.path.isdir(path) else "not a regular file", "name a file of texts"
        raise InputError("cannot be read", where=name, why=why, mend=f"{mend}, or add --texts if it is a text")
    if suffix_of(without_gz(path)) in MANIFEST_SUFFIXES:
        alone = {meaning: other for meaning, other in (learned or {}).items() if meaning == column}
        return as_learned(partial(read_column, path, column), columns, alone)
    demand_no_columns(columns, name)
    try:
        text = read_text(path)
    except InputError:
        if not raw:
            raise
        text = read_text(path, raw=True)
    return [line for line in text.split("\n") if line.strip()]
