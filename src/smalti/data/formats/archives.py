"""Zip and tar archives, read in place: an index of positions, then positional reads. Nothing is ever extracted by name.

A compressed tar cannot be read by position, so it is decompressed once, into a temporary file that goes when the
process does. Members are known by their position in the archive; their names are only labels.
"""

import bz2
import errno
import gzip
import hashlib
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.tree import Tree, is_ignored
from smalti.data.formats.walk import MAX_FILE_BYTES
from smalti.errors import InputError, StorageError, counted, few

__all__ = ["Archive", "is_archive", "is_tar", "list_archive"]

_CHUNK = 1 << 20
_STORED, _DEFLATED, _MISSING = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, -1
_TAR = -2  # a tar member: its bytes as they are, without a local header
_DECOMPRESSORS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
_MEND = "make or download the archive again"


class _Positional:
    """Reads of (offset, size) from one file: no shared position, so threads and forked workers may use it together."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with the object
        self._lock = threading.Lock()  # for systems without pread, which are systems without fork

    def read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # not where opening failed
            self._file.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Positional, (self.path,)


class _Spool:
    """A temporary file that is removed with the object, or at the latest with the process that made it."""

    def __init__(self) -> None:
        handle, self.path = tempfile.mkstemp(prefix="smalti-", suffix=".tar")
        self.file = os.fdopen(handle, "w+b")
        self.remove = weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked worker
        Path(path).unlink(missing_ok=True)


class Archive:
    """Storage: members of a zip or an uncompressed tar, by their place in the file.

    Args:
        path: the archive the person named.
        file: reads the bytes: of `path` itself, or of the decompressed tar.
        members: (N, 5) int64, a row a member: offset, stored size, true size, zip method, CRC-32.
        spool: keeps a temporary `file` alive.
    """

    def __init__(self, path: str, file: _Positional, members: NDArray[np.int64], spool: _Spool | None = None) -> None:
        self.path, self.members = path, members
        self._file, self._spool = file, spool

    def __reduce__(self) -> tuple[Any, ...]:
        return Archive, (self.path, self._file, self.members)

    def read(self, index: int) -> bytes:
        """The bytes of member `index`. Raises OSError where they are damaged or compressed in an unknown way."""
        offset, stored, size, method, crc = self.members[index].tolist()
        if method == _MISSING:
            raise FileNotFoundError(errno.ENOENT, "not in the archive")
        if max(size, stored) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, "larger than 1 GiB, too large for a picture")
        if method == _TAR:
            content = self._file.read(offset, size)
        else:
            content = _inflate(self._after_local_header(offset, stored), size, method)
        if len(content) != size or (method != _TAR and zlib.crc32(content) != crc):
            raise OSError(errno.EIO, "damaged inside the archive")
        return content

    def _after_local_header(self, offset: int, stored: int) -> bytes:
        """A zip member's stored bytes; before them stands a header of 30 bytes, the name and an extra field."""
        block = self._file.read(offset, stored + 512)
        if len(block) < 30 or block[:4] != b"PK\x03\x04":
            raise OSError(errno.EIO, "damaged inside the archive")
        start = 30 + sum(struct.unpack_from("<HH", block, 26))
        if start + stored > len(block):
            return self._file.read(offset + start, stored)
        return block[start : start + stored]

    def fingerprint(self) -> str:
        """A digest of the archive's path, size and modification time, and of the members chosen."""
        found = os.stat(self.path)
        digest = hashlib.blake2b(
            f"{os.path.abspath(self.path)}\0{found.st_size}\0{found.st_mtime_ns}".encode("utf-8", "surrogatepass")
        )
        digest.update(np.ascontiguousarray(self.members).tobytes())
        return digest.hexdigest()[:32]

    def select(self, positions: Sequence[int]) -> Self:
        """The storage of these positions alone; -1 stands for a member that is missing."""
        chosen = np.asarray(positions, np.int64)
        members = self.members[chosen]
        members[chosen < 0, 3] = _MISSING
        return type(self)(self.path, self._file, members, self._spool)


def _inflate(stored: bytes, size: int, method: int) -> bytes:
    try:
        if method == _STORED:
            return stored
        if method == _DEFLATED:
            return zlib.decompressobj(-15).decompress(stored, max(1, size))  # no more than it declares: no bomb
        if method == zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor().decompress(stored, size)
        if method == zipfile.ZIP_LZMA:
            length = struct.unpack_from("<H", stored, 2)[0]
            options = lzma._decode_filter_properties(lzma.FILTER_LZMA1, stored[4 : 4 + length])  # type: ignore[attr-defined]
            lzma_decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])
            return lzma_decoder.decompress(stored[4 + length :], size)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, struct.error) as error:
        raise OSError(errno.EIO, f"damaged inside the archive, {error}") from error
    raise OSError(errno.ENOTSUP, f"compressed by zip method {method}, which is not read")


def is_tar(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a tar, plain or compressed by gzip, bzip2 or xz; judged by its content."""
    try:
        with open(path, "rb") as file:
            start = file.read(512)
        for signature, opener in _DECOMPRESSORS:
            if start.startswith(signature):
                with opener(path, "rb") as file:
                    start = file.read(512)
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.HeaderError):
        return False
    return True


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip or a tar, judged by its content."""
    return zipfile.is_zipfile(path) or is_tar(path)


def list_archive(path: str | os.PathLike[str], name: str = "") -> Tree:
    """The members of a zip or tar as a Tree.

    Raises:
        InputError: it is damaged, cut short or encrypted.
        StorageError: there is no room for the decompressed tar.
    """
    path = os.fspath(path)
    names, members, folders, notes, spool = _list_zip(path) if zipfile.is_zipfile(path) else _list_tar(path)
    keep, paths, unsafe = [], [], []
    for i, member in enumerate(names):
        clean = _clean(member)
        if clean is None:
            unsafe.append(member)
        elif not any(is_ignored(part) for part in clean.split("/")):
            keep.append(i)
            paths.append(clean)
    if unsafe:
        notes.append(f"{counted(len(unsafe), 'member')} skipped, names lead out of the archive: {few(unsafe)}")
    order = sorted(range(len(paths)), key=paths.__getitem__)
    table = np.asarray(members, np.int64).reshape(-1, 5)[[keep[i] for i in order]]
    parents = {path.rsplit("/", 1)[0] for path in paths if "/" in path}
    below = {"/".join(parts[:k]) for parts in (p.split("/") for p in parents) for k in range(1, len(parts) + 1)}
    below |= {c for c in map(_clean, folders) if c and not any(is_ignored(part) for part in c.split("/"))}
    storage = Archive(path, _Positional(spool.path if spool else path), table, spool)
    return Tree(name or path, [paths[i] for i in order], sorted(below), storage, tuple(notes))


def _clean(name: str) -> str | None:
    """A member's name as a relative path; None where it leads out of the archive."""
    if "\\" in name and "/" not in name:  # zips made on Windows by old tools
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts or not parts else "/".join(parts)


_Listing = tuple[list[str], list[tuple[int, int, int, int, int]], list[str], list[str], _Spool | None]


def _list_zip(path: str) -> _Listing:
    names, members, folders, special = [], [], [], []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.flag_bits & 1:
                    raise InputError(
                        "the archive is encrypted", where=f"{path}/{info.filename}", mend="unpack it with its password"
                    )
                if info.is_dir():
                    folders.append(info.filename)
                elif stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                    special.append(info.filename)
                else:
                    names.append(info.filename)
                    members.append(
                        (info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
                    )
    except InputError:
        raise
    except Exception as error:  # zipfile lets struct, Unicode and value errors of damaged tables out
        raise InputError("the zip archive is damaged or cut short", where=path, why=str(error), mend=_MEND) from error
    return names, members, folders, _special(special), None


def _list_tar(path: str) -> _Listing:
    names, members, folders, special = [], [], [], []
    spool = _decompress(path)
    try:
        with open(spool.path if spool else path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            end = os.fstat(file.fileno()).st_size
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # or it keeps every header
                if info.isdir():
                    folders.append(info.name)
                elif not info.isreg() or info.issparse():
                    special.append(info.name)
                else:
                    names.append(info.name)
                    members.append((info.offset_data, info.size, info.size, _TAR, 0))
                    if info.offset_data + info.size > end:
                        raise tarfile.ReadError(f"{info.name} is cut short")
            file.seek(archive.offset)  # type: ignore[attr-defined]
            mark = file.read(512)
            if not mark:  # tarfile takes it for whole
                raise tarfile.ReadError(f"it ends after {len(names)} members without the mark of an end")
            if mark.strip(b"\0"):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError(f"damaged after {len(names)} members")
    except (tarfile.TarError, EOFError, ValueError) as error:
        if spool:
            spool.remove()
        raise InputError("the tar archive is damaged or cut short", where=path, why=str(error), mend=_MEND) from error
    return names, members, folders, _special(special), spool


def _special(names: list[str]) -> list[str]:
    return [f"{counted(len(names), 'member')} skipped, links or special files: {few(names)}"] if names else []


def _decompress(path: str) -> _Spool | None:
    """The tar inside a compressed file, in a temporary file; None where it is not compressed."""
    with open(path, "rb") as file:
        start = file.read(8)
    opener = next((opener for signature, opener in _DECOMPRESSORS if start.startswith(signature)), None)
    if opener is None:
        return None
    spool = _Spool()
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
        raise InputError("the archive is damaged or cut short", where=path, why=str(error), mend=_MEND) from error
    return spool
