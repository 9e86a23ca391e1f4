"""What columns of other names mean, in a table that was named as DATA, where only one reading is left."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from smalti.data.formats.columns import Columns
from smalti.data.formats.labels import composed
from smalti.data.formats.manifest.pictures import found_by_name, paths
from smalti.data.formats.manifest.tables import Row, Table, is_missing
from smalti.data.formats.places import Place, stem_of
from smalti.data.formats.tree import is_picture
from smalti.errors import InputError, printable

__all__ = ["guessed", "likely_answer", "likely_texts"]

_FIRST = 100  # rows that are tried: a table of many pictures is soon understood
_LONGEST = 255  # characters of a file name
_WORDS = 3  # from which on a value is rather a text than a name


def guessed(table: Table, place: Place, files: Callable[[], Sequence[str]]) -> Columns:
    """The column that names the pictures and the one that says what they are, as far as the table needs them.

    Args:
        table: any.
        place: where its paths start from.
        files: gives the paths of all there are, which may take a while.

    Returns:
        Of path, and label, labels or target, those that no column is called and just one can mean.

    Raises:
        InputError: the first row is no header: it names a picture.
    """
    if any(is_picture(column) for column in table.rows.header):
        why = f"it is {', '.join(map(printable, table.rows.header))}"
        raise InputError("the first row names no columns", where=table.name, why=why, mend="write path,label above it")
    path = {} if table.path_column else _path(table, place, files)
    return {**path, **_answer(table.renamed(path))}


def likely_answer(table: Table) -> str:
    """The column that looks most like the classes of pictures, as it is written: the first that has few values, else
    the one with the fewest."""
    counts = {column: len({*_texts(table, column)}) for column in table.others}
    likely = [column for column, count in counts.items() if count > 1]
    enough = math.isqrt(sum(1 for _ in table.rows))
    return table.others[min(likely, key=lambda column: max(counts[column], enough))] if likely else "NAME"


def likely_texts(table: Table) -> list[str]:
    """The columns that hold several words in most of the first rows, as they are written."""
    start = _first_rows(table)
    wordy = {c: [len(text.split()) >= _WORDS for text in _texts(start, c)] for c in start.others}
    return [table.others[column] for column, found in wordy.items() if 2 * sum(found) > len(found)]


def _first_rows(table: Table) -> Table:
    return replace(table, rows=replace(table.rows, parsed=lambda: islice(table.rows, _FIRST)))


def _path(table: Table, place: Place, files: Callable[[], Sequence[str]]) -> Columns:
    """The only column that leads to pictures, by their paths or else by their names."""
    start = _first_rows(table)
    names = [c for c in start.others if c not in start.answers and _are_names(_values(start, c))]
    readings = {column: start.renamed({"path": column}) for column in names}
    found = [column for column, reading in readings.items() if _leads(reading, place)]
    if readings and not found:
        near = _called(files(), {value for column in names for value in _texts(start, column)})
        found = [column for column, reading in readings.items() if found_by_name(reading, near).elsewhere]
    return {"path": found[0]} if len(found) == 1 else {}


def _are_names(values: Sequence[Any]) -> bool:
    """Whether these may be names of files, another in each row."""
    fit = all(isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= _LONGEST for value in values)
    return fit and 0 < len({*values}) == len(values)


def _leads(table: Table, place: Place) -> bool:
    return any(is_picture(path) and place.has(path) for path in paths([table], place))


def _called(files: Iterable[str], values: set[str]) -> list[str]:
    """The files that are called so, with or without their suffix: few, to be looked through once for each column."""
    wanted = {composed(name) for value in values for name in (value, stem_of(value))}
    return [path for path in files if composed(stem_of(path)) in wanted]


def _answer(table: Table) -> Columns:
    """The only column beside path, split and group, if it holds lists, numbers with a fraction, or the names of a few
    classes."""
    if table.path_column is None or table.answers or len(table.others) != 1:
        return {}
    (column,) = table.others
    values = _values(table, column)
    parts = [part for value in values for part in _parts(value)]
    several = len(parts) > len(values) or any(isinstance(value, list) for value in values)
    if _have_fractions(parts, table.rows.decimal):
        return {"targets" if several else "target": column}
    if several:
        return {"labels": column}
    return {"label": column} if 1 < len({*parts}) <= len(values) / 2 else {}


def _parts(value: Any) -> list[str]:
    """The one or several things that a value holds."""
    if isinstance(value, list):
        return [str(part) for part in value]
    return [""] if is_missing(value) else re.split(r"[|;]", str(value).strip())


def _have_fractions(texts: Iterable[str], decimal: str) -> bool:
    """Whether all that is there are numbers, and not all of them whole."""
    try:
        numbers = [float(text.replace(decimal, ".")) for text in texts if text]
    except ValueError:
        return False
    return any(math.isfinite(number) and number % 1 for number in numbers)


def _values(table: Table, column: str) -> list[Any]:
    return [values.get(column) for _, values in table.rows]


def _texts(table: Table, column: str) -> Iterator[str]:
    return (Row(table, line, values).text(column) for line, values in table.rows)
