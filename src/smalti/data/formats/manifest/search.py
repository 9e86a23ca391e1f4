"""Which of the tables in a folder or an archive are its manifests."""

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Self

from smalti.data.formats.columns import Columns
from smalti.data.formats.labels import folded, split_named, split_of
from smalti.data.formats.manifest.pictures import leads_to_pictures, none_exists, notes, settled
from smalti.data.formats.manifest.tables import AllRows, Table, table_of
from smalti.data.formats.places import Place, place_in, stem_of
from smalti.data.formats.table import LABEL_COLUMNS, MANIFEST_SUFFIXES
from smalti.data.formats.tree import Tree, is_picture
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED
from smalti.errors import InputError, few, printable

__all__ = ["Found", "find", "remark"]

_STEMS = {"metadata", "manifest", "labels", "_classes"}
_LOOKED_INTO = 5  # of the tables that are not read


@dataclass(frozen=True)
class Found:
    """What a tree holds in the way of manifests.

    Args:
        tables: those that are read.
        place: where their pictures lie.
        remarks: on those that cannot be read.
        notes: on other tables, and on how pictures were found.
    """

    tables: tuple[Table, ...]
    place: Place
    remarks: tuple[str, ...]
    notes: tuple[str, ...]


def find(tree: Tree, columns: Columns | None = None) -> Found:
    """Looks for metadata, manifest or labels (.csv, .tsv, .jsonl), in a folder around all pictures or in a split's
    folder there, or for train.csv etc. The outermost such folder counts in which one leads to pictures.

    A file without a path column is no manifest, nor is one that says what class folders say, of pictures that are not
    there, or that cannot be read beside two or more class folders, unless it is called manifest. `columns` says what
    some of their columns mean; a table that lacks one of them is none either. Raises InputError where two would do,
    where none of the pictures is there, or no table has the columns.
    """
    place, tables = place_in(tree), _Tables.of(tree, columns)
    used: list[Table] = []
    astray: list[list[Table]] = []  # those that lead nowhere, level by level
    unread = [*tables.others]
    for level in sorted(tables.levels, key=len):
        here = tables.levels[level]
        if used:
            unread += here
        elif used := settled([*here.values()], place, tree.paths):
            if not _one_a_split(used):
                used, idle = _parted(used, place)
                astray.append(idle)
            _demand_one_a_split(tree.name, used)
        else:
            astray.append([*here.values()])
    if astray and not used and not _as_the_folders(tree, astray[0]):
        raise none_exists(astray[0], tree.name, tree.paths, by_folder=_class_folders(tree))
    if tables.unmeant and not used:
        max(tables.unmeant, key=lambda table: len(table.columns)).renamed(columns)  # which raises
    passed_over = [
        f"{printable(table.name)} is not read: none of its pictures is there" for table in chain.from_iterable(astray)
    ]
    return Found(tuple(used), place, (*tables.remarks, *passed_over), (*notes(used), *_unread(tree, unread)))


@dataclass(frozen=True)
class _Tables:
    """The tables of a tree.

    Args:
        levels: those that would do, by their paths, for each folder that they, or the folders of their splits, lie in.
        remarks: on those that lack something.
        others: the paths of those that lie or are called otherwise.
        unmeant: those that lack a column whose meaning is said.
    """

    levels: dict[str, dict[str, Table]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    unmeant: list[Table] = field(default_factory=list)

    @classmethod
    def of(cls, tree: Tree, columns: Columns | None) -> Self:
        tables, around = cls(), _around(tree.paths)
        for path in tree.paths:
            if path.lower().endswith(MANIFEST_SUFFIXES):
                tables.add(tree, path, _level(path, around), columns)
        return tables

    def add(self, tree: Tree, path: str, place: tuple[str, int] | None, columns: Columns | None) -> None:
        if place is None:
            self.others.append(path)
            return
        level, split = place
        try:
            table = table_of(tree.content(path), f"{tree.name}/{path}", posixpath.dirname(path), split)
        except InputError as error:
            if columns or _decides(tree, path):
                raise
            self.remarks.append(f"{printable(path)} is not read: {error.cause}")
            return
        try:
            table = table.renamed(columns)
        except InputError as error:
            self.unmeant.append(table)
            self.remarks.append(f"{printable(path)} is not read: {error.cause}")
            return
        if table.lacks:
            self.remarks.append(_lacking(path, table))
        elif not table.answers and stem_of(path).lower() == "metadata":  # more likely what else is known of pictures
            said = "has columns of 0 and 1; if these are the labels, call it manifest.csv"
            self.remarks.append(f"{printable(path)} {said}")
        else:
            self.levels.setdefault(level, {})[path] = table


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
    stem, folder = stem_of(path), posixpath.dirname(path)
    above, last = posixpath.split(folder)
    if stem.lower() in _STEMS and _holds(above, around) and (split := split_of(last)) is not None:
        return above, split
    split = split_of(stem)
    if _holds(folder, around) and (split is not None or stem.lower() in _STEMS):
        return folder, UNASSIGNED if split is None else split
    return None


def _holds(folder: str, path: str) -> bool:
    return not folder or f"{path}/".startswith(f"{folder}/")


def _one_a_split(tables: Sequence[Table]) -> bool:
    """Whether there is a single table, or one a split."""
    splits = [table.split for table in tables]
    return len(tables) == 1 or (UNASSIGNED not in splits and len({*splits}) == len(splits))


def _parted(tables: Sequence[Table], place: Place) -> tuple[list[Table], list[Table]]:
    """Those that lead to pictures, and those that do not."""
    leading, idle = [], []
    for table in tables:
        (leading if table.elsewhere or leads_to_pictures(table, place) else idle).append(table)
    return leading, idle


def _demand_one_a_split(name: str, tables: Sequence[Table]) -> None:
    if not _one_a_split(tables):
        raise InputError(
            f"{len(tables)} manifests",
            where=name,
            why=few(table.name for table in tables),
            mend="name the one to use as DATA",
        )


def _decides(tree: Tree, table: str) -> bool:
    """Whether a table must be read: it is called manifest, or folders do not say what the pictures are."""
    return stem_of(table).lower() == "manifest" or not _class_folders(tree)


def _class_folders(tree: Tree) -> bool:
    """Whether pictures lie in two or more folders of different names, and not only in splits."""
    folders = {path.rpartition("/")[0] for path in tree.paths if is_picture(path)}
    names = {folder.rpartition("/")[2] for folder in folders}
    return "" not in names and len({folded(name) for name in names if split_named(name) is None}) > 1


def _as_the_folders(tree: Tree, tables: Sequence[Table]) -> bool:
    """Whether all labels are names of folders, so that tables which lead nowhere say nothing that folders do not."""
    folders = {folded(part) for folder in tree.folders for part in folder.split("/")}
    columns = {table.answers for table in tables}
    return columns <= {(c,) for c in LABEL_COLUMNS} and all(
        folded(row.text(*row.table.answers)) in folders for row in AllRows(tables)
    )


def _unread(tree: Tree, paths: Sequence[str]) -> Iterator[str]:
    for path in islice(paths, _LOOKED_INTO):
        with suppress(InputError):  # no table at all
            if not table_of(tree.content(path), path).lacks:
                yield (
                    f"{printable(path)} has the columns of a manifest, but is not read: metadata, manifest and labels "
                    "are, in the outermost folder around all pictures or a split's folder there"
                )


def remark(tree: Tree, path: str) -> str:
    """What is to be said of a table that is no manifest; empty where it would do. Raises InputError for no table."""
    table = table_of(tree.content(path), f"{tree.name}/{path}", posixpath.dirname(path))
    if table.lacks:
        return _lacking(path, table)
    return "" if settled([table], place_in(tree), tree.paths) else str(none_exists([table], path, tree.paths))


def _lacking(path: str, table: Table) -> str:
    return f"{printable(path)} has no {table.lacks}; its columns are {table.shown}"
