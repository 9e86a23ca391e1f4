"""Temporary files, and the removal of those that killed processes left behind."""

import os
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

__all__ = ["Spool"]


class Spool:
    """A temporary file that is removed with the object, or when the process that made it ends; where that was killed,
    when another one is made."""

    def __init__(self) -> None:
        _remove_left()
        handle, self.path = tempfile.mkstemp(prefix=f"smalti-{os.getpid()}-", suffix=".tar")
        self.file = os.fdopen(handle, "w+b")
        self.remove = weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked worker
        Path(path).unlink(missing_ok=True)


def _remove_left() -> None:
    """Removes the files of processes that are no more."""
    for path in Path(tempfile.gettempdir()).glob("smalti-*-*.tar"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not _lives(int(owner)):
            with suppress(OSError):  # another person's
                path.unlink()


def _lives(process: int) -> bool:
    if os.name != "posix":  # where it could not be asked without a blow
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
