"""A tar compressed by gzip, bzip2 or xz: how it begins, and the tar inside it."""

import bz2
import errno
import gzip
import lzma
import tempfile
import zlib
from collections.abc import Callable
from typing import Any

from smalti.data.formats.archives.damage import cut_short
from smalti.data.formats.archives.spool import Spool
from smalti.errors import StorageError

__all__ = ["DECOMPRESSORS", "decompress", "decompressor"]

DECOMPRESSORS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))  # by how a file begins
_CHUNK = 1 << 20


def decompressor(start: bytes) -> Callable[..., Any] | None:
    """What opens a file that begins like this as what is compressed in it; None where nothing is."""
    return next((opener for signature, opener in DECOMPRESSORS if start.startswith(signature)), None)


def decompress(path: str) -> Spool | None:
    """The tar inside a compressed file, in a temporary file; None where it is not compressed.

    Raises:
        InputError: it is damaged or cut short.
        StorageError: there is no room for the tar.
    """
    with open(path, "rb") as file:
        opener = decompressor(file.read(8))
    if opener is None:
        return None
    spool = Spool()
    try:
        with spool.file, opener(path, "rb") as source:
            while chunk := source.read(_CHUNK):
                spool.file.write(chunk)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        spool.remove()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                "no room to decompress the archive",
                where=tempfile.gettempdir(),
                why=error.strerror or "",
                mend="free space, or set TMPDIR",
            ) from error
        raise cut_short("archive", path, error) from error
    return spool
