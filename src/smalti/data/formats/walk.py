"""A folder on disk as a list of files. Nothing is opened but folders; nothing can make the walk hang or run twice."""

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smalti.data.formats.tree import Tree, is_ignored, is_picture
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
    paths: Sequence[str]

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

    def select(self, positions: Sequence[int]) -> "Files":
        """The storage of these positions alone."""
        return Files(self.root, [self.paths[i] for i in positions])


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file. A FIFO or device is refused instead of waited for. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(22, f"not a regular file but {_kind(found.st_mode)}")
        if found.st_size > MAX_FILE_BYTES:
            raise OSError(27, "larger than 1 GiB, too large for a picture")
        with os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
            return file.readall()
    finally:
        os.close(handle)


def walk(root: str | os.PathLike[str], name: str = "") -> Tree:
    """All files below `root`, in sorted order.

    Links are followed; a folder that is reached a second time, by a link that loops or doubles, is skipped and noted.
    FIFOs, sockets and devices are skipped and noted, never opened. A broken link with a picture's name stays in the
    list, so that the check reports it as unreadable.

    Raises:
        InputError: a folder cannot be read.
    """
    return _Walk(os.fspath(root), name or str(root)).tree()


class _Walk:
    """The state of one walk: real folders first, then links, so that a link never takes the place of a real folder."""

    def __init__(self, root: str, name: str) -> None:
        self.root, self.name = root, name
        self.files: list[str] = []
        self.folders: list[str] = []
        self.links: list[str] = []
        self.notes: list[str] = []
        self.special: list[str] = []
        self.visited: set[tuple[int, int]] = set()

    def tree(self) -> Tree:
        self._descend("")
        ancestors = {_identity(os.stat(parent)) for parent in Path(self.root).resolve().parents}
        while self.links:
            path = self.links.pop(0)
            if _identity(os.stat(os.path.join(self.root, path))) in self.visited | ancestors:
                target = os.path.realpath(os.path.join(self.root, path))
                self.notes.append(
                    f"link {printable(path)} skipped: it leads to {printable(target)}, which is already read or above"
                )
            else:
                self._descend(path)
        if self.special:
            self.notes.append(f"{len(self.special)} skipped, not a regular file: {few(self.special)}")
        files = sorted(self.files)
        return Tree(self.name, files, sorted(self.folders), Files(self.root, files), tuple(self.notes))

    def _descend(self, top: str) -> None:
        pending = [top]
        while pending:
            folder = pending.pop()
            where = os.path.join(self.root, folder) if folder else self.root
            try:
                self.visited.add(_identity(os.stat(where)))
                with os.scandir(where) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                raise InputError(
                    "folder cannot be read",
                    where=where,
                    why=error.strerror or str(error),
                    mend="give yourself the right to read it",
                ) from error
            if folder:
                self.folders.append(folder)
            for entry in entries:
                if is_ignored(entry.name):
                    continue
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif entry.is_file(follow_symlinks=False):
                    self.files.append(path)
                else:
                    self._link_or_special(entry, path)
                if is_picture(entry.name) and os.path.isdir(entry.path):
                    self.notes.append(f"{printable(path)} is a folder, not a picture")

    def _link_or_special(self, entry: os.DirEntry[str], path: str) -> None:
        try:
            mode = entry.stat().st_mode
        except OSError as error:  # a broken link, or one that leads to itself
            if is_picture(path):
                self.files.append(path)
            else:
                self.notes.append(f"link {printable(path)} skipped: {error.strerror}")
            return
        if stat.S_ISDIR(mode):
            self.links.append(path)
        elif stat.S_ISREG(mode):
            self.files.append(path)
        else:
            self.special.append(f"{path} ({_kind(mode)})")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((kind for test, kind in kinds if test(mode)), "a device")
