"""From an archive to the tree of its files."""

import os
import zipfile

import numpy as np

from smalti.data.formats.archives.compressed import decompress
from smalti.data.formats.archives.damage import cut_short
from smalti.data.formats.archives.kinds import is_tar, is_zip
from smalti.data.formats.archives.listing import Listing
from smalti.data.formats.archives.positional import Positional
from smalti.data.formats.archives.storage import Archive
from smalti.data.formats.archives.tars import tar_members
from smalti.data.formats.archives.zips import zip_members
from smalti.data.formats.tree import Tree, suffix_of
from smalti.data.names import Names
from smalti.errors import InputError

__all__ = ["list_archive"]


def list_archive(path: str | os.PathLike[str], name: str = "") -> Tree:
    """The members of a zip or tar as a Tree.

    Raises:
        InputError: it is damaged, cut short or encrypted.
        StorageError: there is no room for the decompressed tar.
    """
    path = os.fspath(path)
    zipped, listing = is_zip(path), Listing()
    if not zipped and suffix_of(path) == ".zip" and not is_tar(path):
        raise cut_short("zip archive", path, zipfile.BadZipFile("it has no table of contents"))
    spool = None if zipped else decompress(path)
    file = spool.path if spool else path  # where the bytes are
    try:
        paths = Names(listing.files(zip_members(path) if zipped else tar_members(file, path)))
    except InputError:
        if spool:
            spool.remove()
        raise
    order = sorted(range(len(paths)), key=paths.__getitem__)
    members = np.frombuffer(listing.places, np.int64).reshape(-1, 5)[order]
    storage = Archive(path, Positional(file), members, spool)
    return Tree(name or path, paths.take(order), sorted(listing.folders), storage, listing.notes())
