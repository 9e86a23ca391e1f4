"""Manifests: a CSV, TSV or JSONL file that names pictures and says what each one is.

Columns (any case): `path` (or file, file_name, filename, image), and one of
`label` (or class, category: one class name), `labels` (several, separated by | or ;, or a JSON list: multi-label),
`target`, `targets` or several `target_*` (numbers: regression); further `split` and `group`, if wanted. Where none of
these says it, and each of the other columns is 0 or 1 in every row, their names are the labels: one class a picture
where every row has a single 1, else multi-label.
"""

import math
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import PurePath
from typing import Any

import numpy as np

from smalti.data.formats.labels import class_targets, composed, in_order, split_of
from smalti.data.formats.table import LABEL_COLUMNS, MANIFEST_SUFFIXES, PATH_COLUMNS, Rows, parse, stated_split
from smalti.data.formats.tree import Tree, is_picture, suffix_of
from smalti.data.formats.walk import Files
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED, Problem, Source, Storage, Task
from smalti.errors import InputError, counted, few, printable

__all__ = ["Found", "find", "read_file", "read_tree", "remark"]

_STEMS = {"metadata", "manifest", "labels", "_classes"}
_ANSWERS: dict[Task, tuple[str, ...]] = {
    "multilabel": ("labels", "label"),
    "classify": (*LABEL_COLUMNS, "labels", "target"),
    "regress": ("target", "targets", "label"),
}
_BIT = re.compile(r"[01](?:\.0*)?")  # also as a table of floats has it, "1.0"
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class _Table:
    """One parsed manifest. `folder` is where its paths start from; `split` is for rows that name none."""

    name: str
    folder: str
    split: int
    columns: tuple[str, ...]
    rows: Rows

    @property
    def shown(self) -> str:
        return few(self.rows.header, 12)

    @property
    def path_column(self) -> str | None:
        return next((column for column in PATH_COLUMNS if column in self.columns), None)

    @property
    def target_columns(self) -> tuple[str, ...]:
        return tuple(column for column in self.columns if column.startswith("target_"))

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns that say what a picture is. One called class or category does where no other does."""
        found = tuple(c for c in ("label", "labels", "target", "targets") if c in self.columns) + self.target_columns
        return found or tuple(c for c in LABEL_COLUMNS if c in self.columns)[:1]

    @cached_property
    def bits(self) -> dict[str, str]:
        """The label that each column stands for, its name as it is written: where no column is called as an answer is,
        and there are two or more beside path, split and group, all of them 0 or 1 in every row."""
        known = {self.path_column, "split", "group", ""}
        named = {c: name for c, name in zip(self.columns, self.rows.header, strict=True) if c not in known}
        if self.path_column is None or self.answers or len(named) < 2:
            return {}
        row = None
        for _, row in self.rows:
            if not all(_BIT.fullmatch(str(row.get(column)).strip()) for column in named):
                return {}
        return named if row else {}

    @property
    def lacks(self) -> str:
        """What a manifest needs and it has not; empty where it has all."""
        if self.path_column is None:
            return "path column"
        return "" if self.answers or self.bits else "label or target column"


@dataclass(frozen=True)
class Found:
    """What a tree holds in the way of manifests: those that can be used, and remarks on those that cannot."""

    tables: tuple[_Table, ...] = ()
    remarks: tuple[str, ...] = ()


def find(tree: Tree) -> Found:
    """Looks for metadata, manifest or labels (.csv, .tsv, .jsonl) at the top or in a split folder, or train.csv etc.

    A file without a path column is no manifest. Raises InputError where two would do.
    """
    tables, remarks = [], []
    top = {path.partition("/")[0] for path in tree.paths}
    wrapper = f"{top.pop()}/" if len(top) == 1 else ""
    for path in tree.paths:
        if not path.lower().endswith(MANIFEST_SUFFIXES):
            continue
        folder, _, file = path.removeprefix(wrapper).rpartition("/")
        stem = posixpath.splitext(file)[0]
        split = split_of(folder) if folder else split_of(stem)
        if (folder and split is None) or (stem.lower() not in _STEMS and (folder or split is None)):
            continue
        table = _parse(
            tree.content(path), f"{tree.name}/{path}", posixpath.dirname(path), UNASSIGNED if split is None else split
        )
        if table.lacks:
            remarks.append(_remark(path, table))
        elif not table.answers and stem.lower() == "metadata":  # more likely what else is known of pictures in folders
            remarks.append(f"{printable(path)} has columns of 0 and 1; if these are the labels, call it manifest.csv")
        else:
            tables.append(table)
    if len(tables) > 1 and (
        any(table.split == UNASSIGNED for table in tables) or len({table.split for table in tables}) < len(tables)
    ):
        raise InputError(
            f"{len(tables)} manifests",
            where=tree.name,
            why=few(table.name for table in tables),
            mend="name the one to use as DATA",
        )
    return Found(tuple(tables), tuple(remarks))


def remark(tree: Tree, path: str) -> str:
    """What is to be said of a table that is no manifest; empty where it would do. Raises InputError for no table."""
    table = _parse(tree.content(path), f"{tree.name}/{path}", "", UNASSIGNED)
    return _remark(path, table) if table.lacks else ""


def _remark(path: str, table: _Table) -> str:
    return f"{printable(path)} has no {table.lacks}; its columns are {table.shown}"


def read_tree(tree: Tree, found: Found, task: Task | None) -> Source:
    """The source that manifests inside a folder or archive describe. Raises InputError with file and line of a row."""
    rows = _AllRows(found.tables)
    root = ""
    if isinstance(tree.storage, Files):  # written by the person on this machine: any path is theirs to give
        root = tree.storage.root
        names = Names(map(_on_disk(root), rows))
        storage: Storage = Files(root, names)
        _require_some(names, (os.path.exists(os.path.join(root, name)) for name in names), tree.name)
    else:
        names = Names(map(_in_archive, rows))
        places = {composed(path): i for i, path in enumerate(tree.paths)}
        places |= {path: i for i, path in enumerate(tree.paths)}
        found_at = (places.get(name, places.get(composed(name), -1)) for name in names)
        positions = np.fromiter(found_at, np.int64, len(names))
        _require_some(names, iter(positions >= 0), tree.name)
        storage = tree.storage.select(positions)
    listed = {composed(os.path.relpath(name, root) if os.path.isabs(name) else name) for name in names}
    rest = Names(path for path in tree.paths if is_picture(path) and composed(path) not in listed)
    cause = f"{counted(len(rest), 'picture')} in no manifest: {few(rest)}"
    left_out = Problem("left_out", "", cause, "give each a row, if it is to be used", count=len(rest))
    notes = (*tree.notes, *found.remarks)
    return _source(tree.name, rows, names, storage, task, notes, (left_out,) if rest else ())


def read_file(path: str | os.PathLike[str], name: str, task: Task | None) -> Source:
    """The source that one manifest on disk describes; its paths start from its own folder. Raises InputError."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InputError(
            "cannot be read", where=name, why=error.strerror or str(error), mend="give yourself the right to read it"
        ) from error
    table = _parse(content, name if suffix_of(name) else os.fspath(path), "", UNASSIGNED)
    if table.lacks:
        mend = (
            f"the first row must name the columns, e.g. path,label; path may be {' or '.join(PATH_COLUMNS[1:])} too"
            if not table.path_column
            else "name the column of the answer label, labels or target"
        )
        raise InputError(f"no {table.lacks}; the columns are {table.shown}", where=name, mend=mend)
    rows = _AllRows([table])
    root = os.path.dirname(os.path.abspath(path))
    names = Names(map(_on_disk(root), rows))
    _require_some(names, (os.path.exists(os.path.join(root, file)) for file in names), name)
    return _source(name, rows, names, Files(root, names), task)


@dataclass(slots=True)
class _Row:
    table: _Table
    line: int
    values: dict[str, Any]

    @property
    def where(self) -> str:
        return f"{self.table.name}, line {self.line}"

    def text(self, column: str) -> str:
        value = self.values.get(column)
        return "" if value is None else str(value).strip()


@dataclass(frozen=True)
class _AllRows:
    """The rows of some tables, one after the other, as often as they are gone through."""

    tables: Sequence[_Table]

    def __iter__(self) -> Iterator[_Row]:
        for table in self.tables:
            row = None
            for line, values in table.rows:
                yield (row := _Row(table, line, values))
            if row is None:
                raise InputError("no rows", where=table.name, mend="write one row a picture")


# --- parsing


def _parse(content: bytes, name: str, folder: str, split: int) -> _Table:
    return _Table(name, folder, split, *parse(content, name))


# --- paths


def _given_path(row: _Row) -> str:
    column = row.table.path_column
    assert column is not None
    value = row.values.get(column)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InputError(f"no file name in column {column}", where=row.where, mend="name the picture of every row")
    try:
        os.fsencode(value)
    except UnicodeEncodeError as error:  # half a pair of surrogates, which JSON can write
        mend = "name the picture as it is called on disk"
        raise InputError(f"{printable(value)!r} cannot be a file name", where=row.where, mend=mend) from error
    return value.strip()


def _on_disk(root: str) -> Callable[[_Row], str]:
    """Gives the path of a row, from `root`; absolute paths and `..` are allowed. A name that is not there, but is in
    the other spelling that Unicode has of it (see `composed`), is given as it is there.
    """

    @cache
    def stored(folder: str) -> dict[str, str]:
        try:
            return {composed(name): name for name in os.listdir(folder)}
        except OSError:
            return {}

    def on_disk(row: _Row) -> str:
        path = os.path.normpath(os.path.join(row.table.folder, _given_path(row)))
        if "\\" in path and os.sep == "/" and not os.path.exists(os.path.join(root, path)):  # written on Windows
            path = os.path.normpath(path.replace("\\", "/"))
        return path if path.isascii() or os.path.exists(os.path.join(root, path)) else respelled(path)

    def respelled(path: str) -> str:
        there = ""
        for part in PurePath(path).parts:
            folder = os.path.join(root, there)
            name = part if os.path.lexists(os.path.join(folder, part)) else stored(folder).get(composed(part))
            if name is None:
                return path
            there = os.path.join(there, name)
        return there

    return on_disk


def _in_archive(row: _Row) -> str:
    given = _given_path(row).replace("\\", "/")
    path = posixpath.normpath(posixpath.join(row.table.folder, given))
    if path.startswith(("../", "/")) or path == ".." or re.match(r"[A-Za-z]:", given):
        raise InputError(
            f"the path {printable(given)!r} leads out of the archive",
            where=row.where,
            mend="name members of the archive",
        )
    return path


def _require_some(names: Sequence[str], exist: Iterator[bool], where: str) -> None:
    if not any(exist):
        raise InputError(
            f"none of the {len(names)} files named in the manifest exists",
            where=where,
            why=f"the first is {printable(names[0])}",
            mend="give paths relative to the manifest's folder",
        )


# --- answers


def _source(
    name: str,
    rows: _AllRows,
    names: Names,
    storage: Storage,
    task: Task | None,
    notes: tuple[str, ...] = (),
    problems: tuple[Problem, ...] = (),
) -> Source:
    tables = rows.tables
    _refuse_boxes(name, tables, names)
    splits = np.fromiter(map(_split, rows), np.int8, len(names))
    groups = _groups(rows)
    task = task or _task(name, rows)
    if task == "regress":
        labels, targets = _numbers(rows, len(names))
    else:
        in_bits = all(table.bits for table in tables)
        column = next((c for c in _ANSWERS[task] if all(c in table.columns for table in tables)), None)
        if column is None and not in_bits:
            raise InputError(
                f"no column for the task {task}; the columns are {tables[0].shown}",
                where=name,
                mend=f"name the column of the answer {_ANSWERS[task][0]}",
            )
        separate = task == "multilabel" or column == "labels"
        read = _names_of_bits if column is None else partial(_names, column=column, separate=separate)
        if task == "classify":
            labels, targets = class_targets((_single(row, read(row)) for row in rows), splits, name)
        else:
            labels = in_order({label for row in rows for label in read(row)})
            if not labels:
                raise InputError("no row has a label", where=name, mend="name the labels of the pictures")
            place = {label: i for i, label in enumerate(labels)}
            targets = np.zeros((len(names), len(labels)), np.float32)
            for target, row in zip(targets, rows, strict=True):
                target[[place[label] for label in read(row)]] = 1
    return Source(name, task, labels, names, targets, splits, storage, groups, notes, problems=problems)


def _refuse_boxes(name: str, tables: Sequence[_Table], names: Names) -> None:
    """A row a box would pass for a row a picture, and a picture of two things for two pictures."""
    boxed = next((table for table in tables if {"xmin", "ymin"} <= {*table.columns} or "bbox" in table.columns), None)
    if boxed is not None and len({*names}) < len(names):
        raise InputError(
            "not a classification set: it holds boxes for object detection, several in a picture",
            where=name,
            why=f"the columns of {boxed.name} are {boxed.shown}",
            mend="to classify the pictures, give each one row, with its label",
        )


def _task(name: str, rows: _AllRows) -> Task:
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


def _split(row: _Row) -> int:
    text = row.text("split")
    return stated_split(text, row.where) if text else row.table.split


def _groups(rows: _AllRows) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """A number a group; a row without one is a group of its own."""
    if not any("group" in table.columns for table in rows.tables):
        return None
    numbers: dict[object, int] = {}
    keys = (row.text("group") or (row.table.name, row.line) for row in rows)
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64)


def _names(row: _Row, *, column: str, separate: bool) -> list[str]:
    value = row.values.get(column)
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, list | dict | None) for v in value)):
        raise InputError(f"{column} is {printable(value, 60)}", where=row.where, mend="give a name, or a list of names")
    found = [str(v) for v in value] if isinstance(value, list) else [row.text(column)]
    if separate and not isinstance(value, list):
        found = re.split(r"[|;]", found[0])
    return [printable(composed(text.strip()), 300) for text in found if text.strip()]


def _names_of_bits(row: _Row) -> list[str]:
    return [printable(composed(name), 300) for column, name in row.table.bits.items() if float(row.text(column))]


def _single(row: _Row, found: list[str]) -> str:
    if len(found) != 1:
        raise InputError(
            f"{len(found)} labels where one is expected" if found else "no label",
            where=row.where,
            mend="give one label, or train with --task multilabel"
            if found
            else "give the class of every picture, or remove the row",
        )
    return found[0]


def _numbers(rows: _AllRows, n: int) -> tuple[tuple[str, ...], np.ndarray[Any, np.dtype[np.float32]]]:
    """Names of the targets and (n, T) float32, of n rows."""
    first = rows.tables[0]
    named = first.target_columns
    column = next((c for c in _ANSWERS["regress"] if c in first.columns), None)
    if named and column != "targets":
        columns = ((column,) if column == "target" else ()) + named
        values = np.fromiter((_number(row, row.values.get(c)) for row in rows for c in columns), np.float32)
        return columns, values.reshape(n, len(columns))
    if column is None:
        raise InputError(f"no target column; the columns are {first.shown}", where=first.name, mend="name it target")
    count = len(_several_numbers(next(iter(rows)), column))
    values = np.fromiter((number for row in rows for number in _as_many(row, column, count)), np.float32)
    labels = (column,) if count == 1 else tuple(f"target_{i}" for i in range(count))
    return labels, values.reshape(n, count)


def _as_many(row: _Row, column: str, count: int) -> list[float]:
    """The numbers of a row. Raises InputError where they are not `count`."""
    values = _several_numbers(row, column)
    if len(values) != count:
        raise InputError(
            f"{len(values)} targets where the first row has {count}",
            where=row.where,
            mend="give every row as many numbers",
        )
    return values


def _several_numbers(row: _Row, column: str) -> list[float]:
    value = row.values.get(column)
    parts = value if isinstance(value, list) else re.split(r"[|;]", row.text(column))
    return [_number(row, part) for part in parts]


def _number(row: _Row, value: object) -> float:
    try:
        written = value.replace(row.table.rows.decimal, ".") if isinstance(value, str) else value
        number = float(written)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > _LARGEST:
        shown = "empty" if value is None or not str(value).strip() else repr(printable(value, 40))
        mend = "give a number such as 0.53, with a point and without unit or thousands separator, or remove the row"
        raise InputError(f"target {shown} is not a finite number", where=row.where, mend=mend)
    return number
