"""Trees of files to be read as class folders, and what is read of them."""

from smalti.data.formats.tree import Tree
from smalti.data.formats.walk import Files
from smalti.data.names import Names
from smalti.data.source import Source


def tree(*paths: str, empty: tuple[str, ...] = ()) -> Tree:
    ordered = Names(sorted(paths))
    below = {"/".join(path.split("/")[:k]) for path in ordered for k in range(1, path.count("/") + 1)}
    return Tree("DATA", ordered, sorted(below | set(empty)), Files("/", ordered))


def summary(source: Source) -> dict[str, tuple[str, int]]:
    """name -> (class, split)"""
    return {n: (source.labels[t], int(s)) for n, t, s in zip(source.names, source.targets, source.splits, strict=True)}


def in_splits(*classes: str) -> dict[str, tuple[str, int]]:
    return {f"{word}/{c}/{i}.jpg": (c, s) for c in classes for word, s in (("train", 0), ("test", 2)) for i in range(2)}


def splits_in(*classes: str) -> dict[str, tuple[str, int]]:
    return {f"{c}/{word}/{i}.jpg": (c, s) for c in classes for word, s in (("train", 0), ("test", 2)) for i in range(2)}
