"""Which data is text: told from names and first lines, so that a command finds the task by itself."""

import os
from pathlib import Path
from typing import Literal

from smalti.data.decode import PICTURE_SUFFIXES, UNREAD_SUFFIXES
from smalti.data.formats.idx import is_idx_name
from smalti.data.formats.table import LABEL_COLUMNS, MANIFEST_SUFFIXES, PATH_COLUMNS, first_columns
from smalti.data.formats.tree import is_ignored, suffix_of
from smalti.data.formats.walk import MAX_FILE_BYTES
from smalti.errors import InputError

__all__ = ["TEXT_SUFFIXES", "TextKind", "is_text_name", "looks_like_text", "text_kind"]

TextKind = Literal["corpus", "pairs", "sentences"]

TEXT_SUFFIXES = (".txt", ".text", ".md", ".rst", ".tex", ".org", ".srt", ".py", ".c", ".h", ".java", ".js", ".sh")
_OTHERS = {*PICTURE_SUFFIXES, *UNREAD_SUFFIXES, *MANIFEST_SUFFIXES}  # data of another kind
_OTHERS |= {".npz", ".npy", ".zip", ".tar", ".tgz", ".gz", ".xz", ".txz", ".bz2", ".tbz2", ".json", ".xml", ".yaml"}
_OTHERS |= {".parquet", ".arrow", ".tfrecord", ".dcm", ".nii", ".mat", ".h5", ".hdf5"}  # not read, but no text either
_OTHERS |= {".pkl", ".pt", ".pth", ".safetensors"}


def is_text_name(path: str) -> bool:
    """Whether a file's name is that of text, packed with gzip or not."""
    return suffix_of(path.lower().removesuffix(".gz")) in TEXT_SUFFIXES


def looks_like_text(path: str | os.PathLike[str]) -> bool:
    """Whether a file or folder is running text: a file with a suffix of text, or a folder with such files and none of
    another kind of data: pictures, tables, arrays, archives."""
    return text_kind(path) == "corpus"


def text_kind(path: str | os.PathLike[str]) -> TextKind | None:
    """What kind of text a file or folder is; None where it is none, or not there.

    A table is "pairs" with columns source and target, "sentences" with text and label (or what else that is
    called), and none with a path column, which names pictures.
    """
    path = Path(path)
    if path.is_dir():
        return "corpus" if _is_text_folder(path) else None
    if not path.is_file():
        return None
    if suffix_of(path.name) in MANIFEST_SUFFIXES:
        return _table_kind(path)
    return "corpus" if is_text_name(path.name) else None


def _is_text_folder(path: Path) -> bool:
    found = False
    for _, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not is_ignored(name)]
        for name in files:
            if is_ignored(name):
                continue
            if is_text_name(name):
                found = True
            elif suffix_of(name) in _OTHERS or is_idx_name(name):
                return False
    return found


def _table_kind(path: Path) -> TextKind | None:
    try:
        with path.open("rb") as file:
            start = file.readline(MAX_FILE_BYTES) + file.readline(MAX_FILE_BYTES)  # the first may be `sep=;`
        columns = set(first_columns(start, path.name))
    except (OSError, InputError):
        return None  # what is wrong with it is told by whoever opens it
    if columns & set(PATH_COLUMNS):
        return None
    labelled = "text" in columns and columns & set(LABEL_COLUMNS)
    return "pairs" if {"source", "target"} <= columns else "sentences" if labelled else None
