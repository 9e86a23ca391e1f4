"""Durable writes: the only way a lasting file comes into being.

A kill at any instant leaves the old file or the new one, never half of either.
"""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from smalti.errors import StorageError

__all__ = ["is_refused", "make_folder", "require_folder", "require_place", "write_durably"]


def write_durably(path: str | os.PathLike[str], content: bytes | str | Callable[[BinaryIO], object]) -> Path:
    """Writes `content` to `path` through a temporary file in the same folder: write, fsync, rename, fsync the folder.

    Args:
        path: the file to make or replace, behind a link the one it leads to; its folder must exist.
        content: the bytes, the text (UTF-8), or a function that writes to the open binary file.

    Raises:
        StorageError: the disk is full, read-only or gone, and the old file untouched; or what is there is no file.
    """
    path = Path(path)
    temporary = None
    try:
        place = file_at(path)
        handle, temporary = tempfile.mkstemp(prefix=f".{place.name[:64]}.", suffix=".tmp", dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, place)
        temporary = None
        _sync_folder(place.parent)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return path


def require_place(path: str | os.PathLike[str]) -> None:
    """Raises StorageError where no file can be written to `path`: asked before a long work whose result goes there."""
    path = Path(path)
    try:
        tempfile.TemporaryFile(dir=file_at(path).parent).close()
    except OSError as error:
        raise unwritten(path, error) from error


def file_at(path: Path) -> Path:
    """The file that is or will be at `path`, behind links: a rename would put a file in the place of the link. Raises
    StorageError where something else is there, a device for instance, which a rename would remove."""
    if path.exists() and not path.is_file():
        why = "a folder" if path.is_dir() else "not a regular file"
        raise StorageError("could not be written", where=path, why=why, mend="name a file")
    return Path(os.path.realpath(path))


def unwritten(path: Path, error: OSError) -> StorageError:
    """What is told of a file that cannot be written."""
    why = error.strerror or str(error)
    return StorageError("could not be written", where=path, why=why, mend="free space or choose another place")


def is_refused(error: Exception) -> bool:
    """Whether an error says that the disk here takes no file: it is forbidden, full, over its quota or read-only."""
    refusals = (errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    return isinstance(error, OSError) and error.errno in refusals


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Makes `path` and its parents; an existing folder is fine. Raises StorageError where that is not possible."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unmade(path, error) from error
    return path


def require_folder(path: str | os.PathLike[str]) -> None:
    """Raises StorageError where no folder can be made at `path`, or one there takes no files: asked before a long work
    whose result goes there."""
    path = Path(path)
    try:
        nearest = next(folder for folder in (path, *path.parents) if folder.exists())
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise unmade(path, error) from error


def unmade(path: Path, error: OSError) -> StorageError:
    """What is told of a folder that cannot be made."""
    why = error.strerror or str(error)
    return StorageError("folder could not be made", where=path, why=why, mend="choose another --out")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder; its rename is durable by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    """The process's file mode mask; the only portable way to read it is to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
