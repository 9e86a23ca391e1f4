"""The parts of a folder's path, without folders that hold nothing but one of their own name, as some programs make."""

from collections import Counter
from collections.abc import Set

from smalti.data.formats.labels import folded, split_of
from smalti.data.formats.tree import Tree

__all__ = ["Parts", "doubled_folders", "parts_of"]

Parts = tuple[str, ...]


def doubled_folders(tree: Tree) -> set[str]:
    """The folders in which lies nothing but one folder of their own name."""
    within = Counter(folder.rpartition("/")[0] for folder in tree.folders)
    around = (folder.rpartition("/")[::2] for folder in tree.folders)
    doubled = {outer for outer, name in around if _alike(outer.rpartition("/")[2], name) and within[outer] == 1}
    return doubled and doubled - {path.rpartition("/")[0] for path in tree.paths}


def _alike(outer: str, name: str) -> bool:
    """Whether a folder has the name of the one it lies in; that of a split in any case, as splits are read."""
    return outer == name or (split_of(name) is not None and folded(outer) == folded(name))


def parts_of(folder: str, doubled: Set[str]) -> Parts:
    """The parts of a folder's path; none for the top of the tree.

    Args:
        folder: its path.
        doubled: the folders that are passed over.
    """
    given = folder.split("/") if folder else []
    if not doubled:
        return tuple(given)
    return tuple(part for k, part in enumerate(given, 1) if "/".join(given[:k]) not in doubled)
