"""Where the files lie that a table names: on disk or in an archive, by their paths or by their names alone."""

import os
import posixpath
from collections.abc import Collection, Hashable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import PurePath
from typing import Protocol

import numpy as np

from smalti.data.formats.labels import composed
from smalti.data.formats.tree import Tree
from smalti.data.formats.walk import Files
from smalti.data.names import Names
from smalti.data.source import Storage
from smalti.errors import InputError, printable

__all__ = ["OnDisk", "Place", "by_name", "called_alike", "place_in", "stem_of"]


class Place(Protocol):
    """A folder or an archive, as one that a table's paths lead through."""

    def path(self, folder: str, given: str, where: str) -> str:
        """The path from the top of what is called `given` in a table in `folder`, whether it is there or not.

        Raises:
            InputError: it leads out of an archive; `where` says which row does.
        """
        ...

    def has(self, path: str) -> bool:
        """Whether it is there."""
        ...

    def identity(self, path: str) -> Hashable:
        """The same for all paths that lead to one file."""
        ...

    def storage(self, paths: Names) -> Storage:
        """Reads the files at these paths."""
        ...


def place_in(tree: Tree) -> Place:
    """The place that the files of a tree lie in."""
    # a folder's table is written by the person on this machine: any path is theirs to give
    return OnDisk(tree.storage.root) if isinstance(tree.storage, Files) else _InArchive(tree)


class OnDisk:
    """Files from the folder `root`; absolute paths and `..` are allowed."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._stored = cache(_names_in)
        self._real = cache(lambda folder: composed(os.path.realpath(os.path.join(root, folder))))

    def path(self, folder: str, given: str, where: str) -> str:
        """From `root`. A name that is not there, but is in the other spelling that Unicode has of it (see `composed`),
        is given as it is there.
        """
        path = os.path.normpath(os.path.join(folder, given))
        if "\\" in path and os.sep == "/" and not self.has(path):  # written on Windows
            path = os.path.normpath(path.replace("\\", "/"))
        return path if path.isascii() or self.has(path) else self._respelled(path)

    def has(self, path: str) -> bool:
        """Whether anything lies there."""
        return os.path.exists(os.path.join(self.root, path))

    def identity(self, path: str) -> Hashable:
        """The folder behind all links, looked up once, and the name."""
        folder, name = os.path.split(path)
        return self._real(folder), composed(name)

    def storage(self, paths: Names) -> Storage:
        """Reads them from `root`."""
        return Files(self.root, paths)

    def _respelled(self, path: str) -> str:
        there = ""
        for part in PurePath(path).parts:
            folder = os.path.join(self.root, there)
            name = part if os.path.lexists(os.path.join(folder, part)) else self._stored(folder).get(composed(part))
            if name is None:
                return path
            there = os.path.join(there, name)
        return there


def _names_in(folder: str) -> Mapping[str, str]:
    try:
        return {composed(name): name for name in os.listdir(folder)}
    except OSError:
        return {}


class _InArchive:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def path(self, folder: str, given: str, where: str) -> str:
        given = given.replace("\\", "/")
        path = posixpath.normpath(posixpath.join(folder, given))
        if path.startswith("../") or path == "..":  # an absolute path is that of no member, but may have its name
            raise InputError(
                f"the path {printable(given)!r} leads out of the archive",
                where=where,
                mend="name members of the archive",
            )
        return path

    def has(self, path: str) -> bool:
        return self._position(path) >= 0

    def identity(self, path: str) -> Hashable:
        return composed(path)

    def storage(self, paths: Names) -> Storage:
        return self.tree.storage.select(np.fromiter(map(self._position, paths), np.int64, len(paths)))

    def _position(self, path: str) -> int:
        return self._positions.get(path, self._positions.get(composed(path), -1))

    @cached_property
    def _positions(self) -> dict[str, int]:
        positions = {composed(path): i for i, path in enumerate(self.tree.paths)}
        return positions | {path: i for i, path in enumerate(self.tree.paths)}


def by_name(given: Collection[str], paths: Collection[str]) -> dict[str, str]:
    """Which of some files is meant by each of the given ones, whose paths lead nowhere: the one of its name, with or
    without its suffix. As many of the folders that it is given in count as lead to the most files.

    Returns:
        The path for each given one that is found. Empty where one name is that of two files, or of two given ones.
    """
    most = min(max((_forward(path).count("/") for path in some), default=0) for some in (given, paths))
    return max((_by_end(given, paths, folders) for folders in range(most, -1, -1)), key=len)


def called_alike(given: Iterable[str], paths: Iterable[str]) -> list[str]:
    """The files that have the name of one of the given ones: of that which has most."""
    places: dict[str, list[str]] = {composed(_end(path)): [] for path in given}
    for path in paths:
        name = composed(_end(path))
        for known in places.keys() & {name, posixpath.splitext(name)[0]}:
            places[known].append(path)
    return max(places.values(), key=len, default=[])


def _by_end(given: Iterable[str], paths: Iterable[str], folders: int) -> dict[str, str]:
    """As `by_name`, for names with so many folders."""
    names = {path: composed(_end(path, folders)) for path in given}
    wanted = {*names.values()}
    places: dict[str, str] = {}
    for path in paths:
        name = composed(_end(path, folders))
        for known in wanted & {name, posixpath.splitext(name)[0]}:
            places[known] = "" if known in places else path  # "": more than one
    found = {path: places[name] for path, name in names.items() if name in places}
    return found if all(found.values()) and len({*names.values()}) == len(names) else {}


def stem_of(path: str) -> str:
    """The last part of a path without its suffix, also of a path that was written on Windows."""
    return posixpath.splitext(_end(path))[0]


def _end(path: str, folders: int = 0) -> str:
    """The name of a file, with the last folders before it."""
    return "/".join(_forward(path).rsplit("/", folders + 1)[-folders - 1 :])


def _forward(path: str) -> str:
    return path.replace("\\", "/")
