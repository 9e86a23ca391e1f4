"""The members of a zip: where each one is, and its bytes."""

import bz2
import errno
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from smalti.data.formats.archives.damage import cut_short, damaged_inside
from smalti.data.formats.archives.members import Member
from smalti.data.formats.archives.positional import Positional
from smalti.errors import InputError

__all__ = ["inflate", "stored_bytes", "zip_members"]


def zip_members(path: str) -> Iterator[Member]:
    """All members of a zip, in its own order. Raises InputError where it is damaged, cut short or encrypted."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.flag_bits & 1:
                    raise InputError(
                        "the archive is encrypted", where=f"{path}/{info.filename}", mend="unpack it with its password"
                    )
                regular = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG) and not info.is_dir()
                place = (info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
                yield info.filename, place if regular else None, info.is_dir()
    except InputError:
        raise
    except Exception as error:  # zipfile lets struct, Unicode and value errors of damaged tables out
        raise cut_short("zip archive", path, error) from error


def stored_bytes(file: Positional, offset: int, stored: int) -> bytes:
    """The `stored` bytes of a member; before them, at `offset`, stands a header of 30 bytes, the name and an extra
    field. Raises OSError where there is no header."""
    block = file.read(offset, stored + 512)
    if len(block) < 30 or block[:4] != b"PK\x03\x04":
        raise damaged_inside()
    start = 30 + sum(struct.unpack_from("<HH", block, 26))
    if start + stored > len(block):
        return file.read(offset + start, stored)
    return block[start : start + stored]


def inflate(stored: bytes, size: int, method: int) -> bytes:
    """The content of a member, at most `size` bytes, from those stored. Raises OSError where they are damaged or
    compressed in an unknown way."""
    try:
        if method == zipfile.ZIP_STORED:
            return stored
        if method == zipfile.ZIP_DEFLATED:
            return zlib.decompressobj(-15).decompress(stored, max(1, size))  # no more than it declares: no bomb
        if method == zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor().decompress(stored, size)
        if method == zipfile.ZIP_LZMA:
            length = struct.unpack_from("<H", stored, 2)[0]
            options = lzma._decode_filter_properties(lzma.FILTER_LZMA1, stored[4 : 4 + length])  # type: ignore[attr-defined]
            lzma_decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])
            return lzma_decoder.decompress(stored[4 + length :], size)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, struct.error) as error:
        raise damaged_inside(error) from error
    raise OSError(errno.ENOTSUP, f"compressed by zip method {method}, which is not read")
