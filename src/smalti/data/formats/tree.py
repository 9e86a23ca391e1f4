"""The files of a folder or of an archive as one list of paths: what every layout is recognised from."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from smalti.data.decoding.suffixes import PICTURE_SUFFIXES, UNREAD_SUFFIXES
from smalti.data.names import Names
from smalti.data.source import Raw
from smalti.errors import InputError

__all__ = ["FileStorage", "Tree", "is_ignored", "is_picture", "is_unread_picture", "suffix_of"]

_IGNORED = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "__pycache__"})  # what systems leave behind


class FileStorage(Protocol):
    """A Storage that knows how to keep a choice of its samples."""

    def read(self, index: int) -> Raw: ...  # noqa: D102 - as Storage
    def fingerprint(self) -> str: ...  # noqa: D102 - as Storage

    def select(self, positions: Sequence[int] | NDArray[np.int64]) -> Self:
        """The storage of these positions alone, in this order; -1 stands for a file that is missing."""
        ...


@dataclass(frozen=True)
class Tree:
    """Regular files by path, read by their position.

    Args:
        name: what the person called it, for messages.
        paths: relative, parts joined by "/", sorted; what systems leave behind (".DS_Store", "__MACOSX") is left out.
        folders: every folder below the top, empty ones too.
        storage: reads file `paths[i]` as position i.
        notes: what was met on the way and skipped: links that loop, FIFOs, members with unsafe names.
    """

    name: str
    paths: Names
    folders: Sequence[str]
    storage: FileStorage
    notes: tuple[str, ...] = ()

    def position(self, path: str) -> int | None:
        """Where `path` stands in `paths`, the last one of equal paths; None where it is not there."""
        last = bisect_right(self.paths, path) - 1
        return last if last >= 0 and self.paths[last] == path else None

    def content(self, path: str) -> bytes:
        """The bytes of one file that is part of the layout (a manifest, a batch). Raises InputError if unreadable."""
        position = self.position(path)
        try:
            raw = self.storage.read(-1 if position is None else position)
        except OSError as error:
            raise InputError(
                "cannot be read",
                where=f"{self.name}/{path}",
                why=error.strerror or str(error),
                mend="copy the file again",
            ) from error
        assert isinstance(raw, bytes)
        return raw


def is_ignored(name: str) -> bool:
    """Whether a file or folder name is hidden or one that systems leave behind."""
    return name.startswith(".") or name.lower() in _IGNORED


def suffix_of(path: str) -> str:
    """The last suffix of a path, in lower case: ".jpg"."""
    return PurePosixPath(path.rsplit("/", 1)[-1]).suffix.lower()


def is_picture(path: str) -> bool:
    """Whether the suffix of a path is that of a picture format."""
    dot = path.rfind(".")
    return dot >= 0 and path[dot:].lower() in PICTURE_SUFFIXES


def is_unread_picture(path: str) -> bool:
    """Whether the suffix of a path is that of a picture format which is not read: HEIC of phones, raw of cameras, scans
    of heads, packed with gzip or not (".nii.gz")."""
    return suffix_of(path.removesuffix(".gz")) in UNREAD_SUFFIXES
