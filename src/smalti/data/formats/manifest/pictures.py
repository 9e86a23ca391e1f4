"""Where the pictures lie that manifests name: at their paths, or, where none of these leads to a file, by name."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from smalti.data.formats.labels import split_named
from smalti.data.formats.manifest.tables import AllRows, Table
from smalti.data.formats.places import Place, by_name, called_alike, stem_of
from smalti.data.formats.tree import is_picture
from smalti.data.names import Names
from smalti.errors import InputError, few, printable

__all__ = ["found_by_name", "leads_to_pictures", "none_exists", "notes", "paths", "settled"]


def paths(tables: Sequence[Table], place: Place) -> Iterator[str]:
    """Those of all rows, from the top of the place. Raises InputError for a row without one."""
    for row in AllRows(tables):
        yield place.path(row.table.folder, row.path, row.where)


def settled(tables: Sequence[Table], place: Place, files: Sequence[str]) -> list[Table]:
    """The tables as their pictures are found: at their paths, or, where none of a table's leads to a file, by their
    names. None of the tables where none of all pictures is found.

    Args:
        files: the paths of all there are, from where the folders of the tables start.
    """
    at_paths = [leads_to_pictures(table, place) for table in tables]
    found = [t if leads else found_by_name(t, files) for t, leads in zip(tables, at_paths, strict=True)]
    return found if any(at_paths) or any(table.elsewhere for table in found) else []


def leads_to_pictures(table: Table, place: Place) -> bool:
    """Whether any of its paths leads to a file."""
    return any(map(place.has, paths([table], place)))


def found_by_name(table: Table, files: Sequence[str]) -> Table:
    """The table, with the place of each picture that is below its folder under the name that the table has for it.

    Where its name or a path that it gives means a split, that is not looked for in the folder of another. But what a
    table called val or test names may lie in train: it was divided by the table.
    """
    start = f"{table.folder}/" if table.folder else ""
    below = [path.removeprefix(start) for path in files if is_picture(path) and path.startswith(start)]
    given = [row.path for row in AllRows([table])]
    found = next(filter(None, (by_name(given, some) for some in _nearest(below, split_named(stem_of(table.name))))), {})
    elsewhere = {
        name: path
        for name, path in found.items()
        if (said := _split_of_folders(name)) is None or _split_of_folders(path) in (None, said)
    }
    return replace(table, elsewhere=elsewhere)


def _nearest(paths: Sequence[str], split: int | None) -> Iterator[Sequence[str]]:
    """Those that the pictures of a split may be among, the likelier ones first."""
    if split is None:
        yield paths
        return
    at = [_split_of_folders(path) for path in paths]
    yield [path for path, there in zip(paths, at, strict=True) if there in (None, split)]
    yield [path for path, there in zip(paths, at, strict=True) if there == split]
    yield [path for path, there in zip(paths, at, strict=True) if there is None or there < split]


def _split_of_folders(path: str) -> int | None:
    """What the innermost folder of a path means that is called as a split; None where none is."""
    return _split_of_folder(path.replace("\\", "/").rpartition("/")[0])


@lru_cache
def _split_of_folder(folder: str) -> int | None:
    return next((split for part in reversed(folder.split("/")) if (split := split_named(part)) is not None), None)


def notes(tables: Sequence[Table]) -> Iterator[str]:
    """Says of each table whose pictures are found by name that they are."""
    for table in tables:
        if table.elsewhere:
            given, path = next(iter(table.elsewhere.items()))
            said = f"no path in {printable(table.name)} leads to a file, so its pictures are looked for by name"
            yield f"{said}: {printable(given)} is {printable(path)}"


def none_exists(
    tables: Sequence[Table], where: str, files: Sequence[str], *, unseen: str = "", by_folder: bool = False
) -> InputError:
    """The error that says so.

    Args:
        files: where they were looked for by name.
        unseen: why they were not, if so.
        by_folder: whether the folders of the pictures would say what they are.
    """
    named = Names(row.path for row in AllRows(tables))
    why, alike = f"the first is {printable(named[0])}", called_alike(named, filter(is_picture, files))
    if unseen:
        why += f"; not looked for by name: {unseen}"
    elif len(alike) > 1:
        why += f"; several files are called as one of them is: {few(alike)}"
    elif alike and _split_of_folders(alike[0]) is not None:
        why += f"; {printable(alike[0])} is called as one of them is, but lies in another split"
    what = f"none of the {len(named)} files named in the manifest exists"
    mend = "give paths relative to the manifest's folder"
    mend += ", or take it away to learn by the names of folders" if by_folder else ""
    return InputError(what, where=where, why=why, mend=mend)
