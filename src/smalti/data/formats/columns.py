"""Columns that a person says the meaning of: in a table they take the names that the rest of the code reads."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from smalti.data.formats.labels import composed
from smalti.data.formats.table import LABEL_COLUMNS, PATH_COLUMNS, Row, Rows
from smalti.errors import InputError, few, printable

__all__ = ["Columns", "NoColumnError", "as_learned", "demand_no_columns", "meant", "renamed"]

Columns = Mapping[str, str]  # a meaning: the name of the column that has it, in any case
T = TypeVar("T")

_ASKED = ("path", "text", "source")  # what a model is shown
_ANSWERS = ("label", "labels", "target", "targets")  # what it is to say of that
MEANINGS = (*_ASKED, *_ANSWERS, "split", "group")


class NoColumnError(InputError):
    """The data has no column of a name that a person says."""


def as_learned(read: Callable[[Columns | None], T], named: Columns | None, learned: Columns | None) -> T:
    """What is read of data by the columns that are named; where none is, by those that a model learned by, if the data
    has them."""
    if learned and not named:
        try:
            return read(learned)
        except NoColumnError:
            pass  # other data, which may name them as everybody does
    return read(named)


def meant(columns: tuple[str, ...], named: Columns | None, where: str) -> tuple[str, ...]:
    """The columns, each that is named with its meaning in place of its name. Columns that would say the same step
    aside, as "": one that has that name by itself, any other path or text beside a path, any other answer beside an
    answer.

    Args:
        columns: in small letters.
        named: what the person says of them.
        where: the name of the table, for messages.

    Raises:
        InputError: there is no such meaning or no such column, or one column is to mean two things.
    """
    meanings: dict[str, str] = {}
    for meaning, name in (named or {}).items():
        column = _column(columns, meaning, name, where)
        if column in meanings:
            what = f"column {printable(column)} is named for both {meanings[column]} and {meaning}"
            raise InputError(what, where=where, mend="name it for one of them")
        meanings[column] = meaning
    kinds = {*map(_kind, meanings.values())}
    return tuple(meanings.get(column, "" if _kind(column) in kinds else column) for column in columns)


def renamed(columns: tuple[str, ...], rows: Rows, named: Columns | None, where: str) -> tuple[tuple[str, ...], Rows]:
    """The columns and rows of a table as `meant`. Raises InputError as that does."""
    if not named:
        return columns, rows
    now = meant(columns, named, where)
    return now, replace(rows, parsed=partial(_renamed, rows, dict(zip(columns, now, strict=True))))


def demand_no_columns(named: Columns | None, where: object, why: str = "") -> None:
    """Raises NoColumnError where columns are named of data that has none."""
    if named:
        mend = "leave it out, or name the table as DATA"
        raise NoColumnError("--column is about a table, and none is read here", where=where, why=why, mend=mend)


def _column(columns: tuple[str, ...], meaning: str, name: str, where: str) -> str:
    """The column of this name, as it stands in `columns`."""
    if meaning not in MEANINGS and not meaning.startswith("target_"):
        near = difflib.get_close_matches(meaning, MEANINGS, 1)
        mend = f"did you mean {near[0]}={printable(name)}?" if near else f"it may be {', '.join(MEANINGS)}"
        raise InputError(f"no column can mean {printable(meaning)!r}", where="--column", mend=mend)
    column = composed(str(name).strip().lower())
    if column and column in columns:
        return column
    near = difflib.get_close_matches(column, [other for other in columns if other and other not in MEANINGS], 1)
    raise NoColumnError(
        f"no column {printable(name)!r}; the columns are {few(filter(None, columns), 12)}",
        where=where,
        mend=f"did you mean --column {meaning}={printable(near[0])}?" if near else "name one of these with --column",
    )


def _kind(column: str) -> str:
    """What a column says something of; its own name, where no other could say the same."""
    if column in (*PATH_COLUMNS, *_ASKED):
        return "asked"
    if column in (*LABEL_COLUMNS, *_ANSWERS) or column.startswith("target_"):
        return "answer"
    return column


def _renamed(rows: Rows, names: Mapping[str, str]) -> Iterator[Row]:
    for line, values in rows:
        yield line, {names[column]: value for column, value in values.items()}
