"""Zip and tar archives, read in place: an index of positions, then positional reads. Nothing is ever extracted by name.

A compressed tar cannot be read by position, so it is decompressed once, into a temporary file that goes when the
process ends; what a process that was killed leaves behind, the next one removes. Members are known by their position in
the archive; their names are only labels.
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
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.tree import Tree, is_ignored, suffix_of
from smalti.data.formats.walk import MAX_FILE_BYTES
from smalti.data.names import Names
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
            raise OSError(errno.EBADMSG, "damaged inside the archive")
        return content

    def _after_local_header(self, offset: int, stored: int) -> bytes:
        """A zip member's stored bytes; before them stands a header of 30 bytes, the name and an extra field."""
        block = self._file.read(offset, stored + 512)
        if len(block) < 30 or block[:4] != b"PK\x03\x04":
            raise OSError(errno.EBADMSG, "damaged inside the archive")
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

    def select(self, positions: Sequence[int] | NDArray[np.int64]) -> Self:
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
        raise OSError(errno.EBADMSG, f"damaged inside the archive, {error}") from error
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
    return _is_zip(path) or is_tar(path)


def _is_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip. The mark of its end alone says little: a picture, or a tar with a zip in it, may have
    those bytes; so it has to begin as one too, or be named .zip.
    """
    try:
        with open(path, "rb") as file:
            begins = file.read(2) == b"PK"
    except OSError:
        return False
    return (begins or suffix_of(os.fspath(path)) == ".zip") and zipfile.is_zipfile(path)


def list_archive(path: str | os.PathLike[str], name: str = "") -> Tree:
    """The members of a zip or tar as a Tree.

    Raises:
        InputError: it is damaged, cut short or encrypted.
        StorageError: there is no room for the decompressed tar.
    """
    path = os.fspath(path)
    zipped, listing = _is_zip(path), _Listing()
    spool = None if zipped else _decompress(path)
    try:
        paths = Names(listing.files(_zip_members(path) if zipped else _tar_members(path, spool)))
    except InputError:
        if spool:
            spool.remove()
        raise
    order = sorted(range(len(paths)), key=paths.__getitem__)
    table = np.frombuffer(listing.places, np.int64).reshape(-1, 5)[order]
    storage = Archive(path, _Positional(spool.path if spool else path), table, spool)
    return Tree(name or path, paths.take(order), sorted(listing.folders), storage, listing.notes())


_Place = tuple[int, int, int, int, int]  # as in `Archive.members`
_Member = tuple[str, _Place | None, bool]  # name; where it is, None for what is no file; whether it is a folder


class _Listing:
    """What is found in an archive while its files are gone through."""

    def __init__(self) -> None:
        self.places = array("q")
        self.folders: set[str] = set()
        self.unsafe: list[str] = []
        self.special: list[str] = []

    def files(self, members: Iterable[_Member]) -> Iterator[str]:
        """The paths of the files that count; their places and all else is kept here."""
        for name, place, is_folder in members:
            path = _clean(name)
            if place is None and not is_folder:
                self.special.append(name)
            elif path is None:
                if not is_folder:
                    self.unsafe.append(name)
            elif not any(map(is_ignored, path.split("/"))):
                self._add_folder(path if is_folder else path.rpartition("/")[0])
                if place is not None:
                    self.places.extend(place)
                    yield path

    def _add_folder(self, folder: str) -> None:
        """With all around it."""
        while folder and folder not in self.folders:
            self.folders.add(folder)
            folder = folder.rpartition("/")[0]

    def notes(self) -> tuple[str, ...]:
        """What was skipped."""
        skipped = ((self.special, "links or special files"), (self.unsafe, "names lead out of the archive"))
        return tuple(f"{counted(len(names), 'member')} skipped, {why}: {few(names)}" for names, why in skipped if names)


def _clean(name: str) -> str | None:
    """A member's name as a relative path; None where it leads out of the archive."""
    if "\\" in name and "/" not in name:  # zips made on Windows by old tools
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts or not parts else "/".join(parts)


def _zip_members(path: str) -> Iterator[_Member]:
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
        raise InputError("the zip archive is damaged or cut short", where=path, why=str(error), mend=_MEND) from error


def _tar_members(path: str, spool: _Spool | None) -> Iterator[_Member]:
    count = 0
    try:
        with open(spool.path if spool else path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            end = os.fstat(file.fileno()).st_size
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # or it keeps every header
                regular = info.isreg() and not info.issparse()
                count += regular
                if regular and info.offset_data + info.size > end:
                    raise tarfile.ReadError(f"{info.name} is cut short")
                place = (info.offset_data, info.size, info.size, _TAR, 0)
                yield info.name, place if regular else None, info.isdir()
            file.seek(archive.offset)  # type: ignore[attr-defined]
            mark = file.read(512)
            if not mark:  # tarfile takes it for whole
                raise tarfile.ReadError(f"it ends after {count} members without the mark of an end")
            if mark.strip(b"\0"):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError(f"damaged after {count} members")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise InputError("the tar archive is damaged or cut short", where=path, why=str(error), mend=_MEND) from error


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
