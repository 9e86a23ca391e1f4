"""Which data is text: told from names and first lines, so that a command finds the task by itself."""

import os
from pathlib import Path, PurePosixPath
from typing import Literal

from smalti.data.formats.columns import Columns, meant
from smalti.data.formats.table import LABEL_COLUMNS, MANIFEST_SUFFIXES, PATH_COLUMNS, first_columns
from smalti.data.formats.tree import is_ignored, is_picture, suffix_of
from smalti.data.formats.walk import MAX_FILE_BYTES
from smalti.data.text.classes import labels_by_folder, same_in_each_split
from smalti.errors import InputError

__all__ = ["TEXT_SUFFIXES", "TextKind", "is_text_name", "text_kind"]

TextKind = Literal["corpus", "pairs", "sentences"]

TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".org", ".tex", ".bib", ".srt", ".vtt")
TEXT_SUFFIXES += (".html", ".htm", ".css", ".scss", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".vue", ".php")
TEXT_SUFFIXES += (".py", ".pyi", ".pyx", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".cu", ".cuh", ".go", ".rs")
TEXT_SUFFIXES += (".java", ".kt", ".scala", ".swift", ".cs", ".rb", ".pl", ".lua", ".r", ".jl", ".hs", ".ml", ".clj")
TEXT_SUFFIXES += (".ex", ".erl", ".lisp", ".el", ".dart", ".zig", ".f90", ".sql", ".sh", ".bash", ".bat", ".ps1")
# What lies beside texts and is no data itself. A list of what is data would never end.
_BESIDE = {
    "license",
    "licence",
    "copying",
    "notice",
    "authors",
    "contributors",
    "changelog",
    "readme",
    "todo",
    "version",
}
_BESIDE |= {"makefile", "dockerfile", ".toml", ".cfg", ".ini", ".lock", ".md5", ".sha256", "md5sums", "sha256sums"}


def is_text_name(path: str) -> bool:
    """Whether a file's name is that of text, packed with gzip or not."""
    return suffix_of(path.lower().removesuffix(".gz")) in TEXT_SUFFIXES


def text_kind(path: str | os.PathLike[str], columns: Columns | None = None, task: str | None = None) -> TextKind | None:
    """What kind of text a file or folder is; None where it is none, or not there.

    A "corpus" is running text: a file with a suffix of text, or a folder with such files and no other ones, but for
    what lies beside them (a licence, a Makefile). A folder is "sentences" where it has no picture, and splits that hold
    the same two or more folders of texts each: these are the classes, and what lies above or beside them does not
    count. With the task classify any two or more folders of texts are classes. A table is "pairs" with columns source
    and target, "sentences" with text and label (or what else that is called), and none with a path column, which names
    pictures; `columns` says what some of them mean.
    """
    path = Path(path)
    if path.is_dir():
        return _folder_kind(path, task)
    if not path.is_file():
        return None
    if suffix_of(path.name) in MANIFEST_SUFFIXES:
        return _table_kind(path, columns)
    return "corpus" if is_text_name(path.name) else None


def _folder_kind(path: Path, task: str | None) -> TextKind | None:
    texts, others = [], []  # folders that hold texts, and those that hold what is none
    for where, below, files in os.walk(path):
        below[:] = [name for name in below if not is_ignored(name)]
        names = [name for name in files if not is_ignored(name)]
        folder = Path(where).relative_to(path).as_posix()
        if any(map(is_picture, names)):
            return None  # which may have captions, class by class
        if any(map(_is_other_data, names)):
            others.append(PurePosixPath(folder))
        if any(map(is_text_name, names)):
            texts.append(folder)
    labels = labels_by_folder(texts)
    several = task == "classify" and len({label for _, label in labels.values()}) > 1
    apart = all(labels.keys().isdisjoint(map(str, (folder, *folder.parents))) for folder in others)
    if (several or same_in_each_split(labels)) and apart:
        return "sentences"
    return "corpus" if texts and not others else None


def _is_other_data(name: str) -> bool:
    return not is_text_name(name) and (suffix_of(name) or name.lower()) not in _BESIDE


def _table_kind(path: Path, named: Columns | None) -> TextKind | None:
    try:
        with path.open("rb") as file:
            start = file.readline(MAX_FILE_BYTES) + file.readline(MAX_FILE_BYTES)  # the first may be `sep=;`
        columns = set(meant(first_columns(start, path.name), named, path.name))
    except (OSError, InputError):
        return None  # what is wrong with it is told by whoever opens it
    if columns & set(PATH_COLUMNS):
        return None
    labelled = "text" in columns and columns & set(LABEL_COLUMNS)
    return "pairs" if {"source", "target"} <= columns else "sentences" if labelled else None
