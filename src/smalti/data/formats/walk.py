"""A folder on disk as a list of files. Nothing is opened but folders; nothing can make the walk hang or run twice."""

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.tree import Tree, is_ignored, is_picture
from smalti.data.names import Names
from smalti.errors import InputError, few, printable

__all__ = ["MAX_FILE_BYTES", "Files", "read_regular", "walk"]

MAX_FILE_BYTES = 1 << 30  # no picture of 50 million pixels is larger; a damaged size must not fill the memory


@dataclass(frozen=True)
class Files:
    """Storage: files on disk by path.

    Args:
        root: the folder that relative paths start from.
        paths: one a sample, relative or absolute.
    """

    root: str
    paths: Names

    def read(self, index: int) -> bytes:
        """The bytes of file `index`. Raises OSError where it is gone, unreadable, or no regular file."""
        if index < 0:
            raise FileNotFoundError(2, "No such file")
        return read_regular(os.path.join(self.root, self.paths[index]))

    def fingerprint(self) -> str:
        """A digest of names, sizes and modification times."""
        digest = hashlib.blake2b(digest_size=16)
        for path in self.paths:
            try:
                found = os.stat(os.path.join(self.root, path))
                line = f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n"
            except OSError:
                line = f"{path}\0missing\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def select(self, positions: Sequence[int] | NDArray[np.int64]) -> "Files":
        """The storage of these positions alone."""
        return Files(self.root, self.paths.take(positions))


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file. A FIFO or device is refused instead of waited for. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"not a regular file but {_kind(found.st_mode)}")
        if found.st_size > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, "larger than 1 GiB, the most that is read of one file")
        with os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
            return file.readall()
    finally:
        os.close(handle)


def walk(root: str | os.PathLike[str], name: str = "", *, at_most: int = sys.maxsize) -> Tree:
    """All files below `root`, in sorted order.

    Links are followed; a folder that is reached a second time, by a link that loops or doubles, is skipped and noted.
    FIFOs, sockets and devices are skipped and noted, never opened. A broken link with a picture's name stays in the
    list, so that the check reports it as unreadable.

    Args:
        root: the folder.
        name: what the person called it, for messages.
        at_most: how many files and folders there may be.

    Raises:
        InputError: a folder cannot be read, or there are more.
    """
    return _Walk(os.fspath(root), name or str(root), at_most).tree()


class _Walk:
    """The state of one walk: real folders first, then links, so that a link never takes the place of a real folder."""

    def __init__(self, root: str, name: str, at_most: int) -> None:
        self.root, self.name, self.at_most = root, name, at_most
        self.seen = 0
        self.folders: list[str] = []
        self.links: list[str] = []
        self.notes: list[str] = []
        self.special: list[str] = []
        self.visited: set[tuple[int, int]] = set()

    def tree(self) -> Tree:
        files = Names(self._below(""))
        if self.links:
            files = Names(sorted([*files, *self._linked()]))
        if self.special:
            self.notes.append(f"{len(self.special)} skipped, not a regular file: {few(self.special)}")
        return Tree(self.name, files, sorted(self.folders), Files(self.root, files), tuple(self.notes))

    def _linked(self) -> Iterator[str]:
        """The files below links."""
        ancestors = {_identity(os.stat(parent)) for parent in Path(self.root).resolve().parents}
        while self.links:
            path = self.links.pop(0)
            if _identity(os.stat(os.path.join(self.root, path))) in self.visited | ancestors:
                target = os.path.realpath(os.path.join(self.root, path))
                self.notes.append(
                    f"link {printable(path)} skipped: it leads to {printable(target)}, which is already read or above"
                )
            else:
                yield from self._below(f"{path}/")

    def _below(self, top: str) -> Iterator[str]:
        """The files below a folder, in sorted order. A folder has a slash behind its name, as it sorts among files:
        "a-b" stands before all that is in "a/".
        """
        pending = [top]
        while pending:
            path = pending.pop()
            if path and not path.endswith("/"):
                yield path
                continue
            entries = sorted(self._entries(path), reverse=True)
            self.seen += len(entries)
            if self.seen > self.at_most:
                raise InputError(
                    f"more than {self.at_most:,} files and folders", where=self.root, mend="name a smaller folder"
                )
            pending += entries
            if path:
                self.folders.append(path[:-1])
            if is_picture(path[:-1]):
                self.notes.append(f"{printable(path[:-1])} is a folder, not a picture")

    def _entries(self, folder: str) -> Iterator[str]:
        """The files and folders in one; links to folders and what is no file are kept for later."""
        where = os.path.join(self.root, folder[:-1]) if folder else self.root
        odd = []
        try:
            self.visited.add(_identity(os.stat(where)))
            with os.scandir(where) as found:
                for entry in found:
                    if is_ignored(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        yield f"{folder}{entry.name}/"
                    elif entry.is_file(follow_symlinks=False):
                        yield f"{folder}{entry.name}"
                    else:
                        odd.append(entry)
        except OSError as error:
            raise InputError(
                "folder cannot be read",
                where=where,
                why=error.strerror or str(error),
                mend="give yourself the right to read it",
            ) from error
        for entry in sorted(odd, key=lambda entry: entry.name):
            if self._is_file(entry, f"{folder}{entry.name}"):
                yield f"{folder}{entry.name}"

    def _is_file(self, entry: os.DirEntry[str], path: str) -> bool:
        """Whether a link leads to a file, or seems to: a broken one with a picture's name."""
        try:
            mode = entry.stat().st_mode
        except OSError as error:  # a broken link, or one that leads to itself
            if not is_picture(path):
                self.notes.append(f"link {printable(path)} skipped: {error.strerror}")
            return is_picture(path)
        if stat.S_ISDIR(mode):
            self.links.append(path)
        elif not stat.S_ISREG(mode):
            self.special.append(f"{path} ({_kind(mode)})")
        return stat.S_ISREG(mode)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((kind for test, kind in kinds if test(mode)), "a device")
