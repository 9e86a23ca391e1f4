"""Zip and tar archives, read in place: an index of positions, then positional reads. Nothing is ever extracted by name.

A compressed tar cannot be read by position, so it is decompressed once, into a temporary file that goes when the
process ends; what a process that was killed leaves behind, the next one removes. Members are known by their position in
the archive; their names are only labels.
"""

from smalti.data.formats.archives.kinds import is_archive, is_tar
from smalti.data.formats.archives.reading import list_archive
from smalti.data.formats.archives.storage import Archive

__all__ = ["Archive", "is_archive", "is_tar", "list_archive"]
