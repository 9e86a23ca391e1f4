"""WebDataset: pictures and their classes side by side, `0001.jpg` and `0001.cls`, in a tar, in several, or in a folder.

A `.cls` file holds the class as text, a number or a name. Of several tars in a folder (`train-0000.tar`) the names, and
the folders, may say the split. Captions (`.txt`) and `.json` are left alone.
"""

import bisect
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from os.path import splitext

import numpy as np

from smalti.data.formats.archives import list_archive
from smalti.data.formats.labels import SPLIT_WORDS, class_targets
from smalti.data.formats.tree import Tree, is_picture, suffix_of
from smalti.data.formats.walk import Files
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED, Problem, Raw, Source, Storage
from smalti.errors import InputError, counted, few, printable

__all__ = ["Shards", "read_shards", "shards"]


@dataclass(frozen=True)
class Shards:
    """Storage: samples of several storages, numbered through all of them.

    Args:
        parts: the storages.
        sizes: the samples of each.
    """

    parts: tuple[Storage, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", [0, *accumulate(self.sizes)])

    def read(self, index: int) -> Raw:
        """The encoded bytes of sample `index`."""
        starts: list[int] = self._starts  # type: ignore[attr-defined]
        which = bisect.bisect_right(starts, index) - 1
        return self.parts[which].read(index - starts[which])

    def fingerprint(self) -> str:
        """A digest of those of the parts."""
        return hashlib.blake2b(
            "\n".join(part.fingerprint() for part in self.parts).encode(), digest_size=16
        ).hexdigest()


def shards(tree: Tree) -> dict[str, Tree]:
    """What holds such pairs: the tree itself, under "", or the tars of a folder without pictures, by their paths; empty
    where neither does.

    Raises:
        InputError: one of the tars is damaged, or they are too many to be open at once.
    """
    if _pairs(tree):
        return {"": tree}
    if not isinstance(tree.storage, Files) or any(map(is_picture, tree.paths)):
        return {}
    tars = [path for path in tree.paths if suffix_of(path) == ".tar"]
    root, found = tree.storage.root, dict[str, Tree]()
    try:
        for path in tars:
            found[path] = list_archive(os.path.join(root, path))
            if not _pairs(found[path]):  # a tar of class folders, say
                return {}
    except OSError as error:
        mend = "raise the limit of open files (ulimit -n), or join the shards"
        raise InputError(
            f"{counted(len(tars), 'tar')} cannot be open at once", where=tree.name, why=str(error), mend=mend
        ) from error
    return found


def read_shards(name: str, found: dict[str, Tree]) -> Source:
    """The source of what `shards` found.

    Args:
        name: of the data set, for messages.
        found: trees by the paths of their tars.

    Raises:
        InputError: a `.cls` is not the text of a class, or a class occurs only outside train.
    """
    pairs = {path: _pairs(tree) for path, tree in found.items()}
    names = Names(_inside(shard, found[shard].paths[i]) for shard, labelled in pairs.items() for i in labelled)
    classes = [_class(found[shard], path) for shard, labelled in pairs.items() for path in labelled.values()]
    storages = tuple(found[shard].storage.select([*labelled]) for shard, labelled in pairs.items())
    splits = np.fromiter(map(_split, names), np.int8, len(names))
    labels, targets = class_targets(classes, splits, name)
    return Source(
        name=name,
        task="classify",
        labels=labels,
        names=names,
        targets=targets,
        splits=splits,
        storage=storages[0] if len(storages) == 1 else Shards(storages, tuple(map(len, pairs.values()))),
        notes=tuple(note for tree in found.values() for note in tree.notes),
        problems=tuple(_left_out(found, pairs)),
    )


def _pairs(tree: Tree) -> dict[int, str]:
    """The path of its `.cls`, for the position of each picture that has one."""
    stems = {splitext(path)[0]: path for path in tree.paths if path.endswith(".cls")}
    if not stems:
        return {}
    return {
        i: stems[stem] for i, path in enumerate(tree.paths) if is_picture(path) and (stem := splitext(path)[0]) in stems
    }


def _class(tree: Tree, path: str) -> str:
    """The class that a `.cls` file names."""
    try:
        text = tree.content(path).decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        mend = "write the class into it, as a number or a name"
        raise InputError("not the text of a class", where=f"{tree.name}/{path}", mend=mend)
    return printable(text, 300)


def _inside(shard: str, path: str) -> str:
    return f"{shard}/{path}" if shard else path


def _split(path: str) -> int:
    """The position in SPLITS that the names of the shard and of the folders mean ("imagenet-train-0000.tar")."""
    words = re.split(r"[\W_]+", path.rpartition("/")[0].lower())
    meant = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    return meant.pop() if len(meant) == 1 else UNASSIGNED


def _left_out(found: dict[str, Tree], pairs: dict[str, dict[int, str]]) -> Iterator[Problem]:
    """Pictures without a class."""
    lone = [
        _inside(shard, path)
        for shard, tree in found.items()
        for i, path in enumerate(tree.paths)
        if is_picture(path) and i not in pairs[shard]
    ]
    if lone:
        cause = f"{counted(len(lone), 'picture')} without a .cls beside: {few(lone)}"
        yield Problem("left_out", "", cause, "give each its class in a .cls, if it is to be used", count=len(lone))
