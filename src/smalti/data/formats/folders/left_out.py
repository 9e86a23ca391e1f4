"""Pictures that are left out: of formats that are not read, in no class folder, or in no split."""

from collections.abc import Iterator

from smalti.data.decoding.heic import HEIF_SUFFIXES
from smalti.data.formats.folders.layout import Layout
from smalti.data.formats.labels import split_of
from smalti.data.formats.tree import is_unread_picture, suffix_of
from smalti.data.names import Names
from smalti.data.source import Problem
from smalti.errors import counted, few, install_line

__all__ = ["in_no_place", "of_unread_formats"]


def of_unread_formats(others: Names) -> Iterator[Problem]:
    """A problem a format, of the files that are no pictures to be read."""
    formats: dict[str, list[str]] = {}
    for path in filter(is_unread_picture, others):
        formats.setdefault(suffix_of(path.removesuffix(".gz"))[1:].upper(), []).append(path)
    for name, paths in formats.items():
        cause = f"{counted(len(paths), f'{name} picture')}, a format that is not read: {few(paths)}"
        mend = f"{install_line('pillow-heif')}, or " if suffix_of(paths[0]) in HEIF_SUFFIXES else ""
        yield Problem("unread_format", "", cause, f"{mend}export them as JPEG or PNG", count=len(paths))


def in_no_place(layout: Layout, outside: Names) -> Iterator[Problem]:
    """Pictures that lie in no class folder, or in no split.

    Args:
        layout: as folders are read.
        outside: the paths of those that have no place in it.
    """
    depth = len(layout.around)
    folders = (layout.parts(path.rpartition("/")[0]) for path in outside)
    parts = [folder[depth:] if folder[:depth] == layout.around else () for folder in folders]
    strange = {p[0] for p in parts if layout.split_at == depth and len(p) > 1 and split_of(p[0]) is None}
    if below := [path for path, p in zip(outside, parts, strict=True) if strange.intersection(p[:1])]:
        where = few(f"{name}/" for name in sorted(strange))
        cause = f"{counted(len(below), 'picture')} below {where}, which are no split names"
        mend = "if these are splits, call them train, val or test"
        yield Problem("left_out", "", cause, mend, count=len(below))
    if loose := [path for path, p in zip(outside, parts, strict=True) if not strange.intersection(p[:1])]:
        kind, mend = "class folder", "put them into the folders of their classes"
        if layout.split_at is not None and layout.split_at > layout.class_at:
            kind, mend = "split of a class", "put them into the folders train, val or test of their classes"
        cause = f"{counted(len(loose), 'picture')} in no {kind}: {few(loose)}"
        yield Problem("left_out", "", cause, f"{mend}, if they are to be used", count=len(loose))
