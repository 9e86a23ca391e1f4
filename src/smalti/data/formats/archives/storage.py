"""The members of an archive as a storage."""

import errno
import hashlib
import os
import zlib
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.archives.damage import damaged_inside
from smalti.data.formats.archives.members import MISSING, TAR
from smalti.data.formats.archives.positional import Positional
from smalti.data.formats.archives.spool import Spool
from smalti.data.formats.archives.zips import inflate, stored_bytes
from smalti.data.formats.walk import MAX_FILE_BYTES

__all__ = ["Archive"]


class Archive:
    """Storage: members of a zip or an uncompressed tar, by their place in the file.

    Args:
        path: the archive the person named.
        file: reads the bytes: of `path` itself, or of the decompressed tar.
        members: (N, 5) int64, a row a member, its `Place`: offset, stored size, true size, zip method, CRC-32.
        spool: keeps a temporary `file` alive.
    """

    def __init__(self, path: str, file: Positional, members: NDArray[np.int64], spool: Spool | None = None) -> None:
        self.path, self.members = path, members
        self._file, self._spool = file, spool

    def __reduce__(self) -> tuple[Any, ...]:
        return Archive, (self.path, self._file, self.members)

    def read(self, index: int) -> bytes:
        """The bytes of member `index`. Raises OSError where they are damaged or compressed in an unknown way."""
        offset, stored, size, method, crc = self.members[index].tolist()
        if method == MISSING:
            raise FileNotFoundError(errno.ENOENT, "not in the archive")
        if max(size, stored) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, "larger than 1 GiB, too large for a picture")
        if method == TAR:
            content = self._file.read(offset, size)
        else:
            content = inflate(stored_bytes(self._file, offset, stored), size, method)
        if len(content) != size or (method != TAR and zlib.crc32(content) != crc):
            raise damaged_inside()
        return content

    def fingerprint(self) -> str:
        """A digest of the archive's path, size and modification time, and of the members chosen."""
        found = os.stat(self.path)
        digest = hashlib.blake2b(
            f"{os.path.abspath(self.path)}\0{found.st_size}\0{found.st_mtime_ns}".encode("utf-8", "surrogatepass")
        )
        digest.update(np.ascontiguousarray(self.members).tobytes())
        return digest.hexdigest()[:32]

    def select(self, positions: Sequence[int] | NDArray[np.int64]) -> Self:
        """The storage of these positions alone; -1 stands for a member that is missing."""
        chosen = np.asarray(positions, np.int64)
        members = self.members[chosen]
        members[chosen < 0, 3] = MISSING
        return type(self)(self.path, self._file, members, self._spool)
