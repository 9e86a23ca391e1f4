"""What the rows of manifests say of their pictures: classes, labels or numbers."""

import ast
import math
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.labels import class_targets, composed, in_order
from smalti.data.formats.manifest.tables import AllRows, Row, is_missing
from smalti.data.formats.table import LABEL_COLUMNS
from smalti.data.source import Task
from smalti.errors import InputError, few, printable

__all__ = ["answers"]

_COLUMNS: dict[Task, tuple[str, ...]] = {
    "multilabel": ("labels", "label"),
    "classify": (*LABEL_COLUMNS, "labels", "target"),
    "regress": ("target", "targets", "label"),
}
_LARGEST = float(np.finfo(np.float32).max)


def answers(
    name: str, rows: AllRows, splits: NDArray[np.int8], task: Task | None
) -> tuple[Task, tuple[str, ...], NDArray[np.generic]]:
    """The task, and labels and targets as those of a Source.

    Args:
        name: of the data, for messages.
        rows: one a sample.
        splits: (N,) of the samples.
        task: what to take the answers for; None for what the columns ask for.

    Raises:
        InputError: no column is for the task, or what a row says in it is none of its answers; it names file and line.
    """
    task = task or _task(name, rows)
    if task == "regress":
        return task, *_numbers(rows, len(splits))
    read = _reading(name, rows, task)
    if task == "classify":
        return task, *class_targets((_single(row, read(row)) for row in rows), splits, name)
    labels = in_order({label for row in rows for label in read(row)})
    if not labels:
        raise InputError("no row has a label", where=name, mend="name the labels of the pictures")
    place = {label: i for i, label in enumerate(labels)}
    targets = np.zeros((len(splits), len(labels)), np.float32)
    for target, row in zip(targets, rows, strict=True):
        target[[place[label] for label in read(row)]] = 1
    return task, labels, targets


def _task(name: str, rows: AllRows) -> Task:
    """What the columns ask for. Raises InputError where they ask for two things."""
    tables = rows.tables
    if all(table.bits for table in tables):
        return "classify" if all(len(_names_of_bits(row)) == 1 for row in rows) else "multilabel"
    kinds: set[Task] = set()
    for table in tables:
        for column in table.answers or ("labels",):  # one of zeros and ones, beside another kind of table
            kinds.add("classify" if column in LABEL_COLUMNS else "multilabel" if column == "labels" else "regress")
    if len(kinds) > 1:
        raise InputError(
            f"columns for more than one task, {few(tables[0].answers)}",
            where=name,
            mend=f"choose one with --task {' or --task '.join(sorted(kinds))}",
        )
    return kinds.pop()


# --- names


def _reading(name: str, rows: AllRows, task: Task) -> Callable[[Row], list[str]]:
    """What gives the labels of a row."""
    tables = rows.tables
    column = next((c for c in _COLUMNS[task] if all(c in table.columns for table in tables)), None)
    if column is not None:
        return partial(_names, column=column, separate=task == "multilabel" or column == "labels")
    if all(table.bits for table in tables):
        return _names_of_bits
    wanted = _COLUMNS[task][0]
    raise InputError(
        f"no column for the task {task}; the columns are {tables[0].shown}",
        where=name,
        mend=f"name the column of the answer {wanted}, or say which it is: --column {wanted}=NAME",
    )


def _names(row: Row, *, column: str, separate: bool) -> list[str]:
    value = _listed(row.values.get(column)) if separate else row.values.get(column)
    parts = value if isinstance(value, list) else []
    if isinstance(value, dict) or any(isinstance(v, list | dict) or is_missing(v) for v in parts):
        raise InputError(f"{column} is {printable(value, 60)}", where=row.where, mend="give a name, or a list of names")
    found = [str(v) for v in value] if isinstance(value, list) else [row.text(column)]
    if separate and not isinstance(value, list):
        found = re.split(r"[|;]", found[0])
    return [printable(composed(text.strip()), 300) for text in found if text.strip()]


def _listed(value: object) -> object:
    """The list that a text spells as Python and JSON do, which pandas writes; else the value."""
    if isinstance(value, str) and value.strip()[:1] + value.strip()[-1:] == "[]":
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return ast.literal_eval(value.strip())
    return value


def _names_of_bits(row: Row) -> list[str]:
    return [printable(composed(name), 300) for column, name in row.table.bits.items() if float(row.text(column)) > 0]


def _single(row: Row, found: list[str]) -> str:
    if len(found) != 1:
        raise InputError(
            f"{len(found)} labels where one is expected" if found else "no label",
            where=row.where,
            mend="give one label, or train with --task multilabel"
            if found
            else "give the class of every picture, or remove the row",
        )
    return found[0]


# --- numbers


def _numbers(rows: AllRows, n: int) -> tuple[tuple[str, ...], np.ndarray[Any, np.dtype[np.float32]]]:
    """Names of the targets and (n, T) float32, of n rows."""
    first = rows.tables[0]
    named = first.target_columns
    column = next((c for c in _COLUMNS["regress"] if c in first.columns), None)
    if named and column != "targets":
        columns = ((column,) if column == "target" else ()) + named
        values = np.fromiter((_number(row, row.values.get(c)) for row in rows for c in columns), np.float32)
        return columns, values.reshape(n, len(columns))
    if column is None:
        mend = "name it target, or say which it is: --column target=NAME"
        raise InputError(f"no target column; the columns are {first.shown}", where=first.name, mend=mend)
    count = len(_several_numbers(next(iter(rows)), column))
    values = np.fromiter((number for row in rows for number in _as_many(row, column, count)), np.float32)
    labels = (column,) if count == 1 else tuple(f"target_{i}" for i in range(count))
    return labels, values.reshape(n, count)


def _as_many(row: Row, column: str, count: int) -> list[float]:
    """The numbers of a row. Raises InputError where they are not `count`."""
    values = _several_numbers(row, column)
    if len(values) != count:
        raise InputError(
            f"{len(values)} targets where the first row has {count}",
            where=row.where,
            mend="give every row as many numbers",
        )
    return values


def _several_numbers(row: Row, column: str) -> list[float]:
    value = row.values.get(column)
    parts = value if isinstance(value, list) else re.split(r"[|;]", row.text(column))
    return [_number(row, part) for part in parts]


def _number(row: Row, value: object) -> float:
    try:
        written = value.replace(row.table.rows.decimal, ".") if isinstance(value, str) else value
        number = float(written)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > _LARGEST:
        shown = "empty" if value is None or not str(value).strip() else repr(printable(value, 40))
        mend = "give a number such as 0.53, with a point and without unit or thousands separator, or remove the row"
        if shown != "empty" and "target" in row.table.columns:
            mend += "; if the targets are classes, give --task classify, or call the column label"
        raise InputError(f"target {shown} is not a finite number", where=row.where, mend=mend)
    return number
