"""One manifest as a table: what its columns are for, and its rows."""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from smalti.data.formats.columns import Columns, renamed
from smalti.data.formats.table import LABEL_COLUMNS, PATH_COLUMNS, Rows, parse
from smalti.data.source import UNASSIGNED
from smalti.errors import InputError, few, printable

__all__ = ["AllRows", "Row", "Table", "is_missing", "table_of"]

_BIT = re.compile(r"(?:0|-?1)(?:\.0*)?")  # also as a table of floats has it, "1.0"


@dataclass(frozen=True)
class Table:
    """One parsed manifest.

    Args:
        name: for messages.
        folder: where its paths start from.
        split: of the rows that name none.
        columns: in small letters.
        rows: what it says.
        elsewhere: the places of its pictures, from `folder` too, where they are not at the paths that it gives them.
    """

    name: str
    folder: str
    split: int
    columns: tuple[str, ...]
    rows: Rows
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The columns as they are written, for messages."""
        return few(self.rows.header, 12)

    @property
    def path_column(self) -> str | None:
        """The one that names the pictures."""
        return next((column for column in PATH_COLUMNS if column in self.columns), None)

    @property
    def target_columns(self) -> tuple[str, ...]:
        """Those of one number each, where there are several."""
        return tuple(column for column in self.columns if column.startswith("target_"))

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns that say what a picture is. One called class or category does where no other does."""
        found = tuple(c for c in ("label", "labels", "target", "targets") if c in self.columns) + self.target_columns
        return found or tuple(c for c in LABEL_COLUMNS if c in self.columns)[:1]

    @property
    def others(self) -> dict[str, str]:
        """The columns beside path, split and group, and their names as they are written."""
        known = {self.path_column, "split", "group", ""}
        return {c: name for c, name in zip(self.columns, self.rows.header, strict=True) if c not in known}

    @cached_property
    def bits(self) -> dict[str, str]:
        """The label that each column stands for, its name as it is written: where no column is called as an answer is,
        and there are two or more beside path, split and group, all of them 0 or 1 in every row, or -1 or 1."""
        named = self.others
        if self.path_column is None or self.answers or len(named) < 2:
            return {}
        seen: set[float] = set()
        for _, row in self.rows:
            values = [str(row.get(column)).strip() for column in named]
            if not all(map(_BIT.fullmatch, values)):
                return {}
            seen.update(map(float, values))
        return named if seen and not {-1.0, 0.0} <= seen else {}

    @property
    def lacks(self) -> str:
        """What a manifest needs and it has not; empty where it has all."""
        if self.path_column is None:
            return "path column"
        return "" if self.answers or self.bits else "label or target column"

    def renamed(self, named: Columns | None) -> Self:
        """The same with columns that mean what is said of them. Raises InputError as `columns.meant`."""
        columns, rows = renamed(self.columns, self.rows, named, self.name)
        return replace(self, columns=columns, rows=rows)


def table_of(content: bytes, name: str, folder: str = "", split: int = UNASSIGNED) -> Table:
    """The table that a file holds. Raises InputError as `parse`."""
    return Table(name, folder, split, *parse(content, name))


@dataclass(slots=True)
class Row:
    """One row of a table, and the line of the file that it stands in."""

    table: Table
    line: int
    values: dict[str, Any]

    @property
    def where(self) -> str:
        """The file and the line, for messages."""
        return f"{self.table.name}, line {self.line}"

    @property
    def path(self) -> str:
        """That of its picture, from the table's folder. Raises InputError where it has none."""
        column = self.table.path_column
        assert column is not None
        value = self.values.get(column)
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise InputError(f"no file name in column {column}", where=self.where, mend="name the picture of every row")
        try:
            os.fsencode(value)
        except UnicodeEncodeError as error:  # half a pair of surrogates, which JSON can write
            mend = "name the picture as it is called on disk"
            raise InputError(f"{printable(value)!r} cannot be a file name", where=self.where, mend=mend) from error
        return self.table.elsewhere.get(value.strip(), value.strip())

    def text(self, column: str) -> str:
        """What stands in a column; empty where nothing does."""
        value = self.values.get(column)
        return "" if is_missing(value) else str(value).strip()


@dataclass(frozen=True)
class AllRows:
    """The rows of some tables, one after the other, as often as they are gone through. Raises InputError for a table
    without a row."""

    tables: Sequence[Table]

    def __iter__(self) -> Iterator[Row]:
        for table in self.tables:
            row = None
            for line, values in table.rows:
                yield (row := Row(table, line, values))
            if row is None:
                raise InputError("no rows", where=table.name, mend="write one row a picture")


def is_missing(value: object) -> bool:
    """Whether a value is none: NaN is what pandas writes for one into JSON."""
    return value is None or (isinstance(value, float) and math.isnan(value))
