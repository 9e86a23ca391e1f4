"""What kind of archive a file is, judged by its content."""

import lzma
import os
import tarfile
import zipfile
import zlib

from smalti.data.formats.archives.compressed import decompressor
from smalti.data.formats.tree import suffix_of

__all__ = ["is_archive", "is_tar", "is_zip"]


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip or a tar, judged by its content."""
    return is_zip(path) or is_tar(path)


def is_tar(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a tar, plain or compressed by gzip, bzip2 or xz; judged by its content."""
    try:
        with open(path, "rb") as file:
            start = file.read(512)
        if opener := decompressor(start):
            with opener(path, "rb") as file:
                start = file.read(512)
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.HeaderError):
        return False
    return True


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip. The mark of its end alone says little: a picture, or a tar with a zip in it, may have
    those bytes; so it has to begin as one too, or be named .zip.
    """
    try:
        with open(path, "rb") as file:
            begins = file.read(2) == b"PK"
    except OSError:
        return False
    return (begins or suffix_of(os.fspath(path)) == ".zip") and zipfile.is_zipfile(path)
