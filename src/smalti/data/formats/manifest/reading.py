"""From manifests to a source: their rows as samples, with their answers, splits and groups."""

import os
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from smalti.data.formats.columns import Columns
from smalti.data.formats.labels import split_of
from smalti.data.formats.manifest.answers import answers
from smalti.data.formats.manifest.guessing import guessed, likely_answer, likely_texts
from smalti.data.formats.manifest.pictures import found_by_name, leads_to_pictures, none_exists, notes, paths
from smalti.data.formats.manifest.search import Found
from smalti.data.formats.manifest.tables import AllRows, Row, Table, table_of
from smalti.data.formats.places import OnDisk, Place
from smalti.data.formats.table import PATH_COLUMNS, stated_split
from smalti.data.formats.tree import Tree, is_picture, suffix_of
from smalti.data.formats.walk import walk
from smalti.data.names import Names
from smalti.data.source import TRAIN, UNASSIGNED, Problem, Source, Storage, Task
from smalti.errors import InputError, counted, few, printable

__all__ = ["read_file", "read_tree"]

_SEARCHED = 2_000_000  # files and folders: ImageNet has 1.4 million; a home folder must not be walked for ever


def read_tree(tree: Tree, found: Found, task: Task | None) -> Source:
    """The source that manifests inside a folder or archive describe. Raises InputError with file and line of a row."""
    names = Names(paths(found.tables, found.place))
    rest = _in_no_row(tree, names, found.place)
    cause = f"{counted(len(rest), 'picture')} in no manifest: {few(rest)}"
    left_out = Problem("left_out", "", cause, "give each a row, if it is to be used", count=len(rest))
    said = (*tree.notes, *found.remarks)
    storage = found.place.storage(names)
    return _source(tree.name, found.tables, names, storage, task, said, (left_out,) if rest else ())


def _in_no_row(tree: Tree, names: Names, place: Place) -> Names:
    """The pictures of a tree that none of these names leads to."""
    given = {*names}
    others = Names(path for path in tree.paths if is_picture(path) and path not in given)
    # absolute paths, and those through links, which may lead to one of the others
    roundabout = {*map(place.identity, given.difference(tree.paths))} if others else set()
    return Names(path for path in others if place.identity(path) not in roundabout) if roundabout else others


def read_file(path: str | os.PathLike[str], name: str, task: Task | None, columns: Columns | None = None) -> Source:
    """The source that one manifest on disk describes; its paths start from its own folder. `columns` says what some of
    its columns mean; what else is missing is guessed, where only one reading is left. Raises InputError."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InputError(
            "cannot be read", where=name, why=error.strerror or str(error), mend="give yourself the right to read it"
        ) from error
    table = table_of(content, name if suffix_of(name) else os.fspath(path)).renamed(columns)
    place = OnDisk(os.path.dirname(os.path.abspath(path)))
    below = cache(_all_below)
    guesses = guessed(table, place, lambda: below(place.root)[0])
    table = table.renamed(guesses)
    if table.lacks:
        raise InputError(f"no {table.lacks}; the columns are {table.shown}", where=name, mend=_naming(table))
    if not leads_to_pictures(table, place):
        files, unseen = below(place.root)
        table = found_by_name(table, files)
        if not table.elsewhere:
            raise none_exists([table], name, files, unseen=unseen)
    names = Names(paths([table], place))
    told = tuple(_told(meaning, column) for meaning, column in guesses.items())
    return _source(name, [table], names, place.storage(names), task, tuple(notes([table])), told)


def _told(meaning: str, column: str) -> Problem:
    """What is to be known of a column that was guessed."""
    cause = f"column {printable(column)} is taken for the {meaning}"
    return Problem("guessed_column", "", cause, f"if it is another, say which: --column {meaning}=NAME")


def _naming(table: Table) -> str:
    """How a table gets the column that it lacks."""
    if table.path_column is not None:
        said = _said(label=likely_answer(table))
        return f"name the column of the answer label, labels or target, or say which it is, e.g. {said}"
    match likely_texts(table):
        case [text]:
            said = _said(text=text, label=likely_answer(table.renamed({"path": text})))
        case [source, target]:
            said = _said(source=source, target=target)
        case _:
            return (
                f"the first row must name the columns, e.g. path,label; path may be {' or '.join(PATH_COLUMNS[1:])} "
                "too; of texts text,label or source,target; or say which they are, e.g. --column path=NAME --column "
                "label=NAME"
            )
    return f"if it holds texts, say which: {said}; of pictures, name the column of their files path"


def _said(**columns: str) -> str:
    """How a shell says what columns mean."""
    return " ".join(f"--column {shlex.quote(f'{meaning}={printable(name)}')}" for meaning, name in columns.items())


def _all_below(root: str) -> tuple[Sequence[str], str]:
    """The files around a manifest; none where there are too many, or where folders lie beside it that are nobody's
    business, and then why."""
    try:
        return walk(root, at_most=_SEARCHED).paths, ""
    except InputError as error:
        return (), f"{error.where}: {error.cause}"


def _source(
    name: str,
    tables: Sequence[Table],
    names: Names,
    storage: Storage,
    task: Task | None,
    notes: tuple[str, ...] = (),
    problems: tuple[Problem, ...] = (),
) -> Source:
    _refuse_boxes(name, tables, names)
    rows = AllRows(tables)
    splits = np.fromiter(map(_split, rows), np.int8, len(names))
    if (splits == UNASSIGNED).all() and (folders := _split_folders(names)):
        splits = np.fromiter((split_of(folder) for folder in folders), np.int8, len(names))
        notes = (*notes, f"the splits are those of the folders in the paths, {few(sorted({*folders}))}")
    groups = _groups(rows)
    task, labels, targets = answers(name, rows, splits, task)
    return Source(name, task, labels, names, targets, splits, storage, groups, notes, problems=problems)


def _refuse_boxes(name: str, tables: Sequence[Table], names: Names) -> None:
    """A row a box would pass for a row a picture, and a picture of two things for two pictures."""
    boxed = next((table for table in tables if {"xmin", "ymin"} <= {*table.columns} or "bbox" in table.columns), None)
    if boxed is not None and len({*names}) < len(names):
        raise InputError(
            "not a classification set: it holds boxes for object detection, several in a picture",
            where=name,
            why=f"the columns of {boxed.name} are {boxed.shown}",
            mend="to classify the pictures, give each one row, with its label",
        )


def _split(row: Row) -> int:
    text = row.text("split")
    return stated_split(text, row.where) if text else row.table.split


def _split_folders(names: Names) -> list[str]:
    """The folder of each path that is called as a split is, at one depth in all of them; none where some have none
    there, or there is only one split, or no train."""
    for depth, first in enumerate(names[0].split("/")[:-1]):
        if split_of(first) is not None:
            folders = [(path.split("/", depth + 1)[depth:-1] or [""])[0] for path in names]
            found = {split_of(folder) for folder in {*folders}}
            if TRAIN in found and len(found) > 1 and None not in found:
                return folders
    return []


def _groups(rows: AllRows) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """A number a group; a row without one is a group of its own."""
    if not any("group" in table.columns for table in rows.tables):
        return None
    numbers: dict[object, int] = {}
    keys = (row.text("group") or (row.table.name, row.line) for row in rows)
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64)
