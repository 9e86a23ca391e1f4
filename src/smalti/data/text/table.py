"""Rows of text in a CSV, TSV or JSONL file, and their splits."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.data.facts import Contents
from smalti.data.formats.columns import Columns, renamed
from smalti.data.formats.table import LABEL_COLUMNS, Row, Rows, parse, stated_split
from smalti.data.source import UNASSIGNED, Source
from smalti.data.split import Split, split
from smalti.data.text.reading import read_content, without_gz
from smalti.errors import InputError, few, printable

__all__ = ["TextTable", "Texts", "read_column", "read_table", "split_texts", "texts_of"]

OTHERWISE = {"label": LABEL_COLUMNS}  # a column: what it may be called


@dataclass(frozen=True)
class Texts:
    """Storage: texts in memory."""

    texts: Sequence[str]

    def read(self, index: int) -> bytes:
        """Text `index` in UTF-8."""
        return self.texts[index].encode("utf-8", "surrogatepass")

    def fingerprint(self) -> str:
        """A digest that changes when a text or their order does."""
        digest = hashlib.blake2b(digest_size=16)
        for i in range(len(self.texts)):
            digest.update(self._hash(i))
        return digest.hexdigest()

    def hashes(self) -> NDArray[np.uint8]:
        """(N, 16): equal for equal texts."""
        joined = b"".join(self._hash(i) for i in range(len(self.texts)))
        return np.frombuffer(joined, np.uint8).reshape(-1, 16)

    def _hash(self, index: int) -> bytes:
        return hashlib.blake2b(self.read(index), digest_size=16).digest()


@dataclass(frozen=True)
class TextTable:
    """N rows of a table.

    Args:
        name: what the person called it, for messages.
        names: "line 3", where each row stands.
        columns: N texts for each column asked for.
        splits: (N,) int8, positions in SPLITS, or UNASSIGNED.
        groups: (N,) int64, rows of one group must stay in one split; None where there is no column group.
    """

    name: str
    names: Sequence[str]
    columns: dict[str, list[str]]
    splits: NDArray[np.int8]
    groups: NDArray[np.int64] | None


def read_table(path: str | os.PathLike[str], wanted: Sequence[str], named: Columns | None = None) -> TextTable:
    """The columns `wanted` of a table, and the splits and groups its rows name. Line ends become line feeds.

    Args:
        path: to the table.
        wanted: the names of columns.
        named: what columns of other names mean, if any.

    Raises:
        InputError: not a table, a column is missing, or a row has nothing in one; it names file and line.
    """
    name = os.fspath(path)
    found, parsed = renamed(*parse(read_content(path), without_gz(Path(path).name)), named, name)
    rows = list(parsed)
    called = {column: next((c for c in OTHERWISE.get(column, (column,)) if c in found), column) for column in wanted}
    missing = [column for column in called.values() if column not in found]
    if missing:
        what = f"no column {few(missing)}; the columns are {few(filter(None, found), 12)}"
        options = " ".join(f"--column {column}=NAME" for column in wanted if called[column] in missing)
        mend = f"name the columns {' and '.join(wanted)}, or say which is meant: {options}"
        raise InputError(what, where=name, mend=mend)
    if not rows:
        raise InputError("no rows", where=name, mend="write one row an example")
    columns: dict[str, list[str]] = {column: [] for column in wanted}
    for line, values in rows:
        for column, texts in columns.items():
            texts.append(_required(values, called[column], f"{name}, line {line}"))
    stated = [_text(values, "split").strip() for _, values in rows]
    splits = [
        stated_split(s, f"{name}, line {row[0]}") if s else UNASSIGNED for s, row in zip(stated, rows, strict=True)
    ]
    return TextTable(name, [f"line {line}" for line, _ in rows], columns, np.array(splits, np.int8), _groups(rows))


def read_column(path: str | os.PathLike[str], column: str, named: Columns | None = None) -> Iterator[str | InputError]:
    """One column of a table, row by row, other columns whatever they hold: the text, or why there is none. `named` says
    what columns of other names mean.

    Raises:
        InputError: not a table, without rows, or the column is missing.
    """
    name = os.fspath(path)
    found, rows = renamed(*parse(read_content(path), without_gz(Path(path).name)), named, name)
    if column not in found:
        what = f"no column {column}; the columns are {few(filter(None, found), 12)}"
        mend = f"name the column of texts {column}, or say which is meant: --column {column}=NAME"
        raise InputError(what, where=name, mend=mend)
    return _texts(rows, column, name)


def _texts(rows: Rows, column: str, name: str) -> Iterator[str | InputError]:
    line = 0
    for line, values in rows:
        try:
            yield _required(values, column, f"{name}, line {line}")
        except InputError as error:
            yield error
    if not line:
        raise InputError("no rows", where=name, mend="write one row a text")


def _required(values: dict[str, Any], column: str, where: str) -> str:
    """The text of a column. Raises InputError where there is none."""
    text = _text(values, column)
    if not text.strip():
        raise InputError(f"no {column}", where=where, mend=f"give it a {column}, or remove the row")
    if isinstance(values[column], list | dict):  # of JSONL
        what = f"the {column} is {printable(text, 60)}, not a text"
        raise InputError(what, where=where, mend=f"write one {column} a row, in quotes")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # of JSONL: texts that were cut between two halves
        what = f"half a surrogate pair, U+{ord(text[error.start]):04X} at position {error.start}, is no character"
        raise InputError(what, where=where, mend=f"leave it out of the {column}") from error
    return text


def _text(values: dict[str, Any], column: str) -> str:
    return "" if values.get(column) is None else str(values[column]).replace("\r\n", "\n").replace("\r", "\n")


def _groups(rows: Sequence[Row]) -> NDArray[np.int64] | None:
    """A number a group; a row without one is a group of its own."""
    names = [_text(values, "group").strip() for _, values in rows]
    if not any(names):
        return None
    numbers: dict[object, int] = {}
    keys = [name or (line,) for name, (line, _) in zip(names, rows, strict=True)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def texts_of(source: Source) -> Sequence[str]:
    """The texts of a source whose storage is `Texts`."""
    assert isinstance(source.storage, Texts), f"{source.name} holds no texts"
    return source.storage.texts


def split_texts(source: Source, *, seed: int = 0, val: float = 0.1, test: float = 0.1) -> Split:
    """Divides texts by the rules for pictures (`data.split`): splits that are given are kept, missing ones are made by
    hash of content, and equal texts are never in two splits.

    Args:
        source: of `open_sentences`, or the source sides of `open_pairs`.
        seed: another seed makes another split.
        val: share in [0, 1).
        test: share in [0, 1); val + test is below 1.
    """
    contents = Contents(np.ones(len(source), bool), Texts(texts_of(source)).hashes())
    return split(source, contents, seed=seed, val=val, test=test)
