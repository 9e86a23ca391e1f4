"""The members of a tar: where each one is."""

import os
import tarfile
from collections.abc import Iterator

from smalti.data.formats.archives.damage import cut_short
from smalti.data.formats.archives.members import TAR, Member

__all__ = ["tar_members"]


def tar_members(tar: str, path: str) -> Iterator[Member]:
    """All members of the uncompressed file `tar`, in its own order; in messages it is `path`.

    Raises:
        InputError: it is damaged or cut short.
    """
    count = 0
    try:
        with open(tar, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            end = os.fstat(file.fileno()).st_size
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # or it keeps every header
                regular = info.isreg() and not info.issparse()
                count += regular
                if regular and info.offset_data + info.size > end:
                    raise tarfile.ReadError(f"{info.name} is cut short")
                place = (info.offset_data, info.size, info.size, TAR, 0)
                yield info.name, place if regular else None, info.isdir()
            file.seek(archive.offset)  # type: ignore[attr-defined]
            mark = file.read(512)
            if not mark:  # tarfile takes it for whole
                raise tarfile.ReadError(f"it ends after {count} members without the mark of an end")
            if mark.strip(b"\0"):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError(f"damaged after {count} members")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise cut_short("tar archive", path, error) from error
