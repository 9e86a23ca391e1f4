"""A text file as a string."""

import errno
import gzip
import os
import zlib
from pathlib import Path

from smalti.data.formats.walk import read_regular
from smalti.errors import InputError

__all__ = ["decoded", "read_content", "read_text", "without_gz"]

_LOOKED_AT = 1 << 16  # bytes in which a zero byte says that a file is not text
_MARK = "\ufeff"  # the byte order mark


def read_text(path: str | os.PathLike[str], *, raw: bool = False) -> str:
    """The text of a file in UTF-8, .gz or not, without a byte order mark and with every line end as one line feed.

    Args:
        path: to a regular file.
        raw: every byte as it is, those that are no UTF-8 as surrogate escapes, which `Bytes` gives back.

    Raises:
        InputError: the file cannot be read, is empty or binary, or a byte is no UTF-8; that byte is named.
    """
    return decoded(read_content(path), path, raw=raw)


def read_content(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz. Raises InputError where it cannot be read."""
    try:
        content = read_regular(path)
        return gzip.decompress(content) if Path(path).suffix.lower() == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        large = isinstance(error, OSError) and error.errno == errno.EFBIG
        mend = "divide it into smaller files" if large else "check the path, or copy the file again"
        raise InputError("cannot be read", where=path, why=why, mend=mend) from error


def without_gz(name: str) -> str:
    """The name of what is packed in a file; of any other file, its own."""
    return name[:-3] if name.lower().endswith(".gz") else name


def decoded(content: bytes, where: object, *, raw: bool = False) -> str:
    """The text of a file's content, as `read_text` gives it."""
    if not content:
        raise InputError("empty file, zero bytes", where=where, mend="copy it again, or leave it out")
    if raw:
        return content.decode("utf-8", "surrogateescape")
    if (zero := content.find(0, 0, _LOOKED_AT)) >= 0:
        mend = "give a text file in UTF-8, or train with --bytes, which reads any file"
        raise InputError("not a text file", where=where, why=f"a zero byte at byte {zero}", mend=mend)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = f"0x{content[error.start]:02x} at byte {error.start}"
        mend = "save it as UTF-8, or train with --bytes, which reads any file"
        raise InputError("not UTF-8 text", where=where, why=wrong, mend=mend) from error
    return text.removeprefix(_MARK).replace("\r\n", "\n").replace("\r", "\n")
