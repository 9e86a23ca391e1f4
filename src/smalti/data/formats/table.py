"""Rows of a CSV, TSV or JSONL file, whatever they mean: columns by lower-case name, rows with their line numbers."""

import csv
import difflib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from smalti.data.formats.labels import SPLIT_WORDS, composed, split_of
from smalti.data.formats.tree import suffix_of
from smalti.errors import InputError, printable

__all__ = [
    "LABEL_COLUMNS",
    "MANIFEST_SUFFIXES",
    "PATH_COLUMNS",
    "Row",
    "Rows",
    "first_columns",
    "parse",
    "stated_split",
]

MANIFEST_SUFFIXES = (".csv", ".tsv", ".jsonl")
PATH_COLUMNS = ("path", "file", "file_name", "filename", "image")  # name a picture
LABEL_COLUMNS = ("label", "class", "category")  # say what it is, or what a text is

Row = tuple[int, dict[str, Any]]  # line number, column to value


@dataclass(frozen=True)
class Rows:
    """The rows of a table, parsed anew each time they are gone through: a table takes no more than its text.

    Args:
        parsed: gives them.
        header: the columns as they are written (of JSONL in lower case).
        decimal: the sign before the fraction of a number: a comma where semicolons divide the values.
    """

    parsed: Callable[[], Iterator[Row]]
    header: tuple[str, ...] = ()
    decimal: str = "."

    def __iter__(self) -> Iterator[Row]:
        return self.parsed()


def parse(content: bytes, name: str) -> tuple[tuple[str, ...], Rows]:
    """The columns and rows of a table; blank lines and Excel's first line `sep=;` are left out.

    Raises:
        InputError: not UTF-8 or not a table; it names the file, and the line. Of a row, when it is come to.
    """
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", where=name, why=f"at byte {error.start}", mend="save it as UTF-8") from error
    if suffix_of(name) == ".jsonl":
        rows = Rows(partial(_jsonl, content, name))
        columns = tuple(dict.fromkeys(key for _, row in rows for key in row))
        return columns, replace(rows, header=columns)
    header, decimal = _header(content, name), "," if _delimiter(content, name) == ";" else "."
    return _columns(header, name), Rows(partial(_csv, content, name), header, decimal)


def first_columns(start: bytes, name: str) -> tuple[str, ...]:
    """The columns that a table has, from the bytes it starts with. Raises InputError as `parse`."""
    first, second, *_ = *start.split(b"\n", 2), b""
    return parse(first, name)[0] or parse(second, name)[0]  # the first line may be `sep=;`


def stated_split(text: str, where: str) -> int:
    """The position in SPLITS that a row's value means. Raises InputError for a word that means none."""
    split = split_of(text)
    if split is None:
        near = difflib.get_close_matches(text.lower(), SPLIT_WORDS, 1)
        raise InputError(
            f"unknown split {printable(text)!r}",
            where=where,
            mend=f"did you mean {near[0]!r}?" if near else "use train, val or test",
        )
    return split


def _lines(content: bytes, newline: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=newline)


def _delimiter(content: bytes, name: str) -> str:
    if suffix_of(name) == ".tsv":
        return "\t"
    first = next((line for line in _lines(content, "\n") if line.strip()), "").lstrip()
    return ";" if ";" in first and "," not in first else "\t" if "\t" in first and "," not in first else ","


def _reader(content: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    # strict, or a quote that nothing closes would take all rows after it into one value
    reader, begun = csv.reader(_lines(content, ""), delimiter=_delimiter(content, name), strict=True), 1
    try:
        for row in reader:
            if any(value.strip() for value in row) and row != ["sep=", ""]:
                yield reader.line_num, row
            begun = reader.line_num + 1
    except csv.Error as error:
        mend = "save it as plain CSV; close every quote, and write a quote inside quotes twice"
        if "field limit" in str(error):
            mend += f"; a value has at most {csv.field_size_limit():,} characters, in a .jsonl any number"
        raise InputError("not a table", where=f"{name}, line {begun}", why=str(error), mend=mend) from error


def _header(content: bytes, name: str) -> tuple[str, ...]:
    _, header = next(_reader(content, name), (0, []))
    return tuple(column.strip() for column in header)


def _columns(header: tuple[str, ...], name: str) -> tuple[str, ...]:
    columns = tuple(composed(column.lower()) for column in header)
    double = next((column for column in columns if column and columns.count(column) > 1), None)
    if double is not None:
        raise InputError(
            f"two columns are called {printable(double)!r}", where=name, mend="give every column its own name"
        )
    return columns


def _csv(content: bytes, name: str) -> Iterator[Row]:
    columns = _columns(_header(content, name), name)
    rows = _reader(content, name)
    next(rows, None)
    for line, row in rows:
        if len(row) > len(columns) and any(value.strip() for value in row[len(columns) :]):
            raise InputError(
                f"{len(row)} values for {len(columns)} columns",
                where=f"{name}, line {line}",
                mend="put values with commas in quotes",
            )
        yield line, dict(zip(columns, row, strict=False))


def _jsonl(content: bytes, name: str) -> Iterator[Row]:
    for line, text in enumerate(_lines(content, "\n"), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text.removesuffix("\n"))
        except (ValueError, RecursionError) as error:
            raise InputError(
                "not JSON", where=f"{name}, line {line}", why=str(error), mend="write one JSON object a line"
            ) from error
        if not isinstance(row, dict):
            raise InputError(
                "not a JSON object",
                where=f"{name}, line {line}",
                mend='write {"column": value, ...} in every line',
            )
        yield line, {composed(str(key).strip().lower()): value for key, value in row.items()}
