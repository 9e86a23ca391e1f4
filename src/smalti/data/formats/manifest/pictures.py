"""Where the pictures lie that manifests name: at their paths, or, where none of these leads to a file, by name."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from smalti.data.formats.labels import split_of
from smalti.data.formats.manifest.tables import AllRows, Table
from smalti.data.formats.places import Place, by_name, stem_of
from smalti.data.formats.tree import is_picture
from smalti.data.names import Names
from smalti.errors import InputError, printable

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
    """The table, with the place of each picture that is below its folder under the name that the table has for it;
    where a folder there is called as the table's split is, below that one."""
    start = f"{table.folder}/" if table.folder else ""
    below = [path.removeprefix(start) for path in files if is_picture(path) and path.startswith(start)]
    split = split_of(stem_of(table.name))
    of_split = [path for path in below if split is not None and split_of(path.partition("/")[0]) == split]
    return replace(table, elsewhere=by_name((row.path for row in AllRows([table])), of_split or below))


def notes(tables: Sequence[Table]) -> Iterator[str]:
    """Says of each table whose pictures are found by name that they are."""
    for table in tables:
        if table.elsewhere:
            given, path = next(iter(table.elsewhere.items()))
            said = f"no path in {printable(table.name)} leads to a file, so its pictures are looked for by name"
            yield f"{said}: {printable(given)} is {printable(path)}"


def none_exists(tables: Sequence[Table], where: str, unseen: str = "") -> InputError:
    """The error that says so; `unseen` is why they were not looked for by name either, if they were not."""
    named = Names(row.path for row in AllRows(tables))
    return InputError(
        f"none of the {len(named)} files named in the manifest exists",
        where=where,
        why=f"the first is {printable(named[0])}" + (f"; not looked for by name: {unseen}" if unseen else ""),
        mend="give paths relative to the manifest's folder",
    )
