"""Manifests: a CSV, TSV or JSONL file that names pictures and says what each one is.

Columns (any case): `path` (or file, file_name, filename, image), and one of
`label` (or class, category: one class name), `labels` (several, separated by | or ;, or a JSON list: multi-label),
`target`, `targets` or several `target_*` (numbers: regression); further `split` and `group`, if wanted. Where none of
these says it, and each of the other columns is 0 or 1 in every row, their names are the labels: one class a picture
where every row has a single 1, else multi-label.

Paths start from the manifest's folder. Where none of them leads to a file, as in many tables that are published, the
pictures are looked for below that folder by their names, with or without a suffix.
"""

import math
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np

from smalti.data.formats.labels import class_targets, composed, in_order, split_of
from smalti.data.formats.places import OnDisk, Place, by_name, last_part, place_in
from smalti.data.formats.table import LABEL_COLUMNS, MANIFEST_SUFFIXES, PATH_COLUMNS, Rows, parse, stated_split
from smalti.data.formats.tree import Tree, is_picture, suffix_of
from smalti.data.formats.walk import walk
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
_LOOKED_INTO = 5  # of the tables that are not read
_BIT = re.compile(r"[01](?:\.0*)?")  # also as a table of floats has it, "1.0"
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class _Table:
    """One parsed manifest. `folder` is where its paths start from; `split` is for rows that name none; `elsewhere` are
    the places of its pictures, from `folder` too, where they are not at the paths that it gives them."""

    name: str
    folder: str
    split: int
    columns: tuple[str, ...]
    rows: Rows
    elsewhere: Mapping[str, str] = field(default_factory=dict)

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
    """What a tree holds in the way of manifests: those that can be used, where their pictures lie, remarks on those
    that cannot be used, and notes on other tables and on how pictures were found."""

    tables: tuple[_Table, ...]
    place: Place
    remarks: tuple[str, ...]
    notes: tuple[str, ...]


def find(tree: Tree) -> Found:
    """Looks for metadata, manifest or labels (.csv, .tsv, .jsonl), in a folder around all pictures or in a split's
    folder there, or for train.csv etc. The outermost such folder counts.

    A file without a path column is no manifest, nor is one that says what class folders say, of pictures that are not
    there. Raises InputError where two would do, or where none of the pictures is there.
    """
    around = _around(tree.paths)
    levels: dict[str, list[tuple[str, _Table]]] = {}  # by the folder that a table, or its split's folder, lies in
    remarks, others = [], []
    for path in tree.paths:
        if not path.lower().endswith(MANIFEST_SUFFIXES):
            continue
        if (found := _level(path, around)) is None:
            others.append(path)
            continue
        level, split = found
        table = _parse(tree.content(path), f"{tree.name}/{path}", posixpath.dirname(path), split)
        if table.lacks:
            remarks.append(_remark(path, table))
        elif not table.answers and _stem(path).lower() == "metadata":  # more likely what else is known of pictures
            remarks.append(f"{printable(path)} has columns of 0 and 1; if these are the labels, call it manifest.csv")
        else:
            levels.setdefault(level, []).append((path, table))
    outermost = min(levels, key=len, default="")
    tables = [table for _, table in levels.pop(outermost, [])]
    unread = [*others, *(path for level in levels.values() for path, _ in level)]
    if len(tables) > 1 and (
        any(table.split == UNASSIGNED for table in tables) or len({table.split for table in tables}) < len(tables)
    ):
        raise InputError(
            f"{len(tables)} manifests",
            where=tree.name,
            why=few(table.name for table in tables),
            mend="name the one to use as DATA",
        )
    place = place_in(tree)
    settled = _settled(tables, place, lambda: tree.paths)
    if tables and not settled:
        if not _as_the_folders(tree, tables):
            raise _none_exists(tables, tree.name)
        remarks += [f"{printable(table.name)} is not read: none of its pictures is there" for table in tables]
    return Found(tuple(settled), place, tuple(remarks), (*_notes(settled), *_unread(tree, unread)))


def _around(paths: Names) -> str:
    """The folder around all pictures; around all files, where there are none. Paths are sorted, so the first and the
    last tell."""
    ends = [next(filter(is_picture, order), "") for order in (paths, reversed(paths))]
    if not all(ends) and len(paths):
        ends = [paths[0], paths[-1]]
    return posixpath.commonpath([posixpath.dirname(path) for path in ends])


def _level(path: str, around: str) -> tuple[str, int] | None:
    """The folder that a table is a manifest of, and the split that its name or its folder means; None where it is none.

    Args:
        path: the table's.
        around: the folder around all pictures.
    """
    stem, folder = _stem(path), posixpath.dirname(path)
    above, last = posixpath.split(folder)
    if stem.lower() in _STEMS and _holds(above, around) and (split := split_of(last)) is not None:
        return above, split
    split = split_of(stem)
    if _holds(folder, around) and (split is not None or stem.lower() in _STEMS):
        return folder, UNASSIGNED if split is None else split
    return None


def _stem(path: str) -> str:
    return posixpath.splitext(last_part(path))[0]


def _holds(folder: str, path: str) -> bool:
    return not folder or f"{path}/".startswith(f"{folder}/")


def _as_the_folders(tree: Tree, tables: Sequence[_Table]) -> bool:
    """Whether all labels are names of folders, so that tables which lead nowhere say nothing that folders do not."""
    folders = {_alike(part) for folder in tree.folders for part in folder.split("/")}
    columns = {table.answers for table in tables}
    return columns <= {(c,) for c in LABEL_COLUMNS} and all(
        _alike(row.text(*row.table.answers)) in folders for row in _AllRows(tables)
    )


def _alike(name: str) -> str:
    return composed(name).casefold()


def _unread(tree: Tree, paths: Sequence[str]) -> Iterator[str]:
    for path in islice(paths, _LOOKED_INTO):
        with suppress(InputError):  # no table at all
            if not _parse(tree.content(path), path, "", UNASSIGNED).lacks:
                yield (
                    f"{printable(path)} has the columns of a manifest, but is not read: metadata, manifest and labels "
                    "are, in the outermost folder around all pictures or a split's folder there"
                )


def remark(tree: Tree, path: str) -> str:
    """What is to be said of a table that is no manifest; empty where it would do. Raises InputError for no table."""
    table = _parse(tree.content(path), f"{tree.name}/{path}", posixpath.dirname(path), UNASSIGNED)
    if table.lacks:
        return _remark(path, table)
    return "" if _settled([table], place_in(tree), lambda: tree.paths) else str(_none_exists([table], path))


def _remark(path: str, table: _Table) -> str:
    return f"{printable(path)} has no {table.lacks}; its columns are {table.shown}"


def read_tree(tree: Tree, found: Found, task: Task | None) -> Source:
    """The source that manifests inside a folder or archive describe. Raises InputError with file and line of a row."""
    rows, place = _AllRows(found.tables), found.place
    names = Names(_paths(found.tables, place))
    listed = set(map(place.identity, names))
    rest = Names(path for path in tree.paths if is_picture(path) and place.identity(path) not in listed)
    cause = f"{counted(len(rest), 'picture')} in no manifest: {few(rest)}"
    left_out = Problem("left_out", "", cause, "give each a row, if it is to be used", count=len(rest))
    notes = (*tree.notes, *found.remarks)
    return _source(tree.name, rows, names, place.storage(names), task, notes, (left_out,) if rest else ())


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
            f"the first row must name the columns, e.g. path,label; path may be {' or '.join(PATH_COLUMNS[1:])} too; "
            "of texts text,label or source,target"
            if not table.path_column
            else "name the column of the answer label, labels or target"
        )
        raise InputError(f"no {table.lacks}; the columns are {table.shown}", where=name, mend=mend)
    root = os.path.dirname(os.path.abspath(path))
    place = OnDisk(root)
    tables = _settled([table], place, lambda: _all_below(root))
    if not tables:
        raise _none_exists([table], name)
    rows = _AllRows(tables)
    names = Names(_paths(tables, place))
    return _source(name, rows, names, place.storage(names), task, tuple(_notes(tables)))


def _all_below(root: str) -> Sequence[str]:
    try:
        return walk(root).paths
    except InputError:  # beside a manifest may lie folders that are nobody's business
        return ()


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
        return "" if _is_missing(value) else str(value).strip()


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


def _is_missing(value: object) -> bool:
    """Whether a value is none: NaN is what pandas writes for one into JSON."""
    return value is None or (isinstance(value, float) and math.isnan(value))


# --- parsing


def _parse(content: bytes, name: str, folder: str, split: int) -> _Table:
    return _Table(name, folder, split, *parse(content, name))


# --- paths


def _given_path(row: _Row) -> str:
    """From the table's folder."""
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
    return row.table.elsewhere.get(value.strip(), value.strip())


def _paths(tables: Sequence[_Table], place: Place) -> Iterator[str]:
    for row in _AllRows(tables):
        yield place.path(row.table.folder, _given_path(row), row.where)


def _settled(tables: Sequence[_Table], place: Place, paths: Callable[[], Iterable[str]]) -> list[_Table]:
    """The tables as their pictures are found: at their paths, or, where none of a table's leads to a file, by their
    names. None of the tables where none of all pictures is found.

    Args:
        paths: gives those of all files, from where the folders of the tables start.
    """
    settled, some = [], False
    for table in tables:
        there = any(map(place.has, _paths([table], place)))
        settled.append(table if there else replace(table, elsewhere=_elsewhere(table, paths())))
        some |= there or bool(settled[-1].elsewhere)
    return settled if some else []


def _elsewhere(table: _Table, paths: Iterable[str]) -> dict[str, str]:
    """Where, from a table's folder, the pictures lie that it names; where a folder there is called as the table's split
    is, below that one."""
    start = f"{table.folder}/" if table.folder else ""
    below = [path.removeprefix(start) for path in paths if is_picture(path) and path.startswith(start)]
    split = split_of(_stem(table.name))
    of_split = [path for path in below if split is not None and split_of(path.partition("/")[0]) == split]
    return by_name(map(_given_path, _AllRows([table])), of_split or below)


def _notes(tables: Sequence[_Table]) -> Iterator[str]:
    for table in tables:
        if table.elsewhere:
            given, path = next(iter(table.elsewhere.items()))
            said = f"no path in {printable(table.name)} leads to a file, so its pictures are looked for by name"
            yield f"{said}: {printable(given)} is {printable(path)}"


def _none_exists(tables: Sequence[_Table], where: str) -> InputError:
    named = Names(map(_given_path, _AllRows(tables)))
    return InputError(
        f"none of the {len(named)} files named in the manifest exists",
        where=where,
        why=f"the first is {printable(named[0])}",
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
    parts = value if isinstance(value, list) else []
    if isinstance(value, dict) or any(isinstance(v, list | dict) or _is_missing(v) for v in parts):
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
        if shown != "empty" and "target" in row.table.columns:
            mend += "; if the targets are classes, give --task classify, or call the column label"
        raise InputError(f"target {shown} is not a finite number", where=row.where, mend=mend)
    return number
