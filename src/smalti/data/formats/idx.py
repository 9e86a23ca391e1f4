"""IDX files, the form of MNIST and its family (LeCun, Cortes, Burges 1998), plain or in gzip."""

import gzip
import io
import math
import posixpath
import re
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.arrays import array_source
from smalti.data.formats.labels import split_of
from smalti.data.formats.tree import Tree, is_picture, suffix_of
from smalti.data.source import UNASSIGNED, Source, Task
from smalti.errors import InputError, few

__all__ = ["idx_folder", "is_idx_name", "parse_idx", "read_idx"]

# train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, emnist-letters-test-images-idx3-ubyte, images-idx3-ubyte
_NAME = re.compile(r"(?P<prefix>.*?)(?P<kind>images|labels)[-._]idx\d(?:[-._]u?byte)?(?P<gz>\.gz)?$", re.IGNORECASE)
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_DEFLATE_AT_MOST = 1040  # bytes out of one byte; a larger claim is false, and is not to be given memory
_OTHER_DATA = (".npz", ".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2", ".csv", ".tsv", ".jsonl")
_MEND = "get the file again"


def idx_folder(tree: Tree) -> bool:
    """Whether IDX files are what a tree is about: they lie in one folder, and no other data lies outside it."""
    found = {posixpath.dirname(path) for path in tree.paths if is_idx_name(path)}
    if len(found) != 1:
        return bool(found) and all(is_idx_name(path) for path in tree.paths)
    outside = (path for path in tree.paths if posixpath.dirname(path) not in found)
    return not any(is_picture(path) or suffix_of(path) in _OTHER_DATA for path in outside)


def is_idx_name(path: str) -> bool:
    """Whether a file is named in the way of MNIST."""
    return _NAME.match(posixpath.basename(path)) is not None


def read_idx(tree: Tree, task: Task | None = None, only: str | None = None) -> Source:
    """The pairs of picture and label files of a tree; `only` names one file whose pair alone is wanted.

    Raises:
        InputError: a file has no partner, is damaged, or the folder holds several data sets.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}  # (set, split word) -> kind -> path
    for path in tree.paths:
        if match := _NAME.match(posixpath.basename(path)):
            stem, word = _split_word(posixpath.join(posixpath.dirname(path), match["prefix"]))
            kinds = found.setdefault((stem, word), {})
            if match["kind"].lower() not in kinds or not path.endswith(".gz"):  # the unpacked one, where both are there
                kinds[match["kind"].lower()] = path
    if only is not None:
        found = {key: kinds for key, kinds in found.items() if {only, only.removesuffix(".gz")} & {*kinds.values()}}
    stems = sorted({stem for stem, _ in found})
    if len(stems) > 1:
        raise InputError(
            f"{len(stems)} IDX data sets in one folder",
            where=tree.name,
            why=few(stems),
            mend="name one of the picture files as DATA",
        )
    parts = {}
    for (_, word), kinds in found.items():
        missing = {"images", "labels"} - kinds.keys()
        if missing:
            there = next(iter(kinds.values()))
            raise InputError(
                f"no {missing.pop()} file beside it", where=f"{tree.name}/{there}", mend="put the pair in one folder"
            )
        pictures, answers = (
            parse_idx(tree.content(kinds[kind]), f"{tree.name}/{kinds[kind]}") for kind in ("images", "labels")
        )
        split = 2 if word == "t10k" else split_of(word)
        parts[UNASSIGNED if split is None else split] = pictures, answers
    notes = (
        ["EMNIST stores its pictures on their side; they are used as stored"] if "emnist" in stems[0].lower() else []
    )
    return array_source(tree.name, parts, task, None, [*tree.notes, *notes])


def _split_word(prefix: str) -> tuple[str, str]:
    """ "emnist-letters-train-" as ("emnist-letters", "train")."""
    stem, _, word = (
        prefix.rstrip("-._").rpartition("-") if "-" in prefix.rstrip("-._") else ("", "", prefix.rstrip("-._"))
    )
    folder, _, word = word.rpartition("/") if "/" in word else ("", "", word)
    stem = posixpath.join(folder, stem) if folder else stem
    return (stem, word.lower()) if word.lower() == "t10k" or split_of(word) is not None else (prefix, "")


def parse_idx(content: bytes, where: str) -> NDArray[np.generic]:
    """The array an IDX file holds: two zero bytes, type, number of axes, sizes, values, all big-endian.

    Raises:
        InputError: it is not an IDX file, or its length is not what its header says.
    """
    try:
        stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if content.startswith(b"\x1f\x8b") else io.BytesIO(content)
        head = stream.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= 4:
            raise InputError("not an IDX file", where=where, why="its first bytes are not an IDX header", mend=_MEND)
        dtype = np.dtype(_TYPES[head[2]])
        sizes = struct.unpack(f">{head[3]}I", stream.read(4 * head[3]))
        expected = math.prod(sizes) * dtype.itemsize
        if expected > len(content) * _DEFLATE_AT_MOST:
            raise InputError("damaged or cut short", where=where, why=f"its header says {expected} bytes", mend=_MEND)
        values = stream.read(expected + 1)  # one more, to notice a longer file; never more than the header says
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise InputError("damaged or cut short", where=where, why=str(error), mend=_MEND) from error
    if len(values) != expected:
        more = "more than" if len(values) > expected else f"{len(values)} bytes of values,"
        raise InputError("damaged or cut short", where=where, why=f"{more} the {expected} its header says", mend=_MEND)
    return np.frombuffer(values, dtype).astype(dtype.newbyteorder("=")).reshape(sizes)
