"""Reads at positions of a file."""

import os
import threading
from typing import Any

__all__ = ["Positional"]


class Positional:
    """Reads of (offset, size) from one file: no shared position, so threads and forked workers may use it together."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with the object
        self._lock = threading.Lock()  # for systems without pread, which are systems without fork

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before."""
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # not where opening failed
            self._file.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return Positional, (self.path,)
