"""Which part of a folder's path is the class, and which the split: recognised from the folders that hold pictures."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Self

from smalti.data.formats.folders.by_folder import IMAGE_FOLDERS
from smalti.data.formats.folders.parts import Parts, parts_of
from smalti.data.formats.labels import SPLIT_WORDS, split_of, words_of
from smalti.data.source import UNASSIGNED

__all__ = ["LAYOUTS", "Layout", "Place"]

LAYOUTS = (
    "arrange them as <class>/<picture>, or as train/<class>/<picture> and test/<class>/<picture>, "
    "or name them in a manifest.csv with the columns path and label"
)
Place = tuple[str, int]  # the class and the split


@dataclass(frozen=True)
class Layout:
    """How the folders of a set are read.

    Args:
        around: the folders around the classes and the splits.
        split_at: which part of a path names the split; None where no part does.
        class_at: which part names the class.
        doubled: the folders that are passed over.
        meant: the split words that folders right below those around everything stand for, by their names.
    """

    around: Parts
    split_at: int | None
    class_at: int
    doubled: Set[str]
    meant: Mapping[str, str]

    @classmethod
    def of(cls, folders: Sequence[Parts], doubled: Set[str]) -> Self:
        """The layout that the folders with pictures in them have; `doubled` are those that are passed over."""
        around = _around(folders)
        meant = _stemmed_splits(folders, len(around))
        as_meant = [_as_meant(parts, len(around), meant) for parts in folders]
        # Folders that stand for splits part right below `around`, so it stays as it is wherever there are any.
        return cls(*_columns_of_most(as_meant, around), doubled, meant)

    @property
    def depth(self) -> int:
        """How many parts a path has down to its class and its split."""
        return max(self.class_at, self.split_at or 0) + 1

    def parts(self, folder: str) -> Parts:
        """The parts of a folder's path, as they are meant."""
        return self.as_meant(parts_of(folder, self.doubled))

    def as_meant(self, parts: Parts) -> Parts:
        """The parts, with the split word in place of a folder that stands for it."""
        return _as_meant(parts, len(self.around), self.meant)

    def place(self, parts: Parts) -> Place | None:
        """Where a folder lies; None for one that lies in no class, or in none of the splits."""
        if len(parts) < self.depth or parts[: len(self.around)] != self.around:
            return None
        split = UNASSIGNED if self.split_at is None else split_of(parts[self.split_at])
        return None if split is None else (parts[self.class_at], split)

    def places(self, folders: Sequence[Parts]) -> list[Place | None]:
        """Where each of all folders lies that hold pictures."""
        places = [self.place(parts) for parts in folders]
        learned = {name for name, split in filter(None, places) if split == 0}
        # "val/images" beside "train/<class>/images", as in Tiny ImageNet, is where pictures without a class lie.
        images = {name for name, _ in filter(None, places) if name.lower() in IMAGE_FOLDERS}
        nameless = images - learned if learned else set()
        return [place if place and place[0] not in nameless else None for place in places]


def _around(folders: Sequence[Parts]) -> Parts:
    """The folders around everything: each the only one that holds pictures, none of them right inside it."""
    around: Parts = ()
    while True:
        depth = len(around)
        tops = {parts[depth] for parts in folders if len(parts) > depth}
        if len(tops) != 1 or split_of(*tops) is not None or any(len(parts) == depth + 1 for parts in folders):
            return around
        around = (*around, *tops)


def _stemmed_splits(folders: Sequence[Parts], depth: int) -> dict[str, str]:
    """Top folders that differ in nothing but a split word ("seg_train", "seg_test"; "train2017", "val2017"), and those
    words; none where a folder is called as a split is."""
    tops = {parts[depth] for parts in folders if len(parts) > depth}
    meant, stems = {}, set()
    for top in tops:
        words = words_of(top)
        said = [word for word in words if word in SPLIT_WORDS]
        if split_of(top) is not None:
            return {}
        if len(said) == 1:
            meant[top] = said[0]
            stems.add(tuple(word for word in words if word not in SPLIT_WORDS))
    splits = {SPLIT_WORDS[word] for word in meant.values()}
    # As with plain names, they may be classes (a toy train, a toy car) where no class folders lie in them.
    deep = any(len(parts) > depth + 1 and parts[depth] in meant for parts in folders)
    return meant if len(stems) == 1 and 0 in splits and len(splits) > 1 and (deep or len(meant) == len(tops)) else {}


def _as_meant(parts: Parts, depth: int, meant: Mapping[str, str]) -> Parts:
    if not meant or len(parts) <= depth:
        return parts
    return (*parts[:depth], meant.get(parts[depth], parts[depth]), *parts[depth + 1 :])


def _columns_of_most(folders: Sequence[Parts], around: Parts) -> tuple[Parts, int | None, int]:
    """The folders around the classes, which part of the path names the split (None: no part does), and which the class.

    Where most folders lie in splits, these decide: a logo in a folder beside them, or a picture right in a class,
    must not mix what was given as the test with the rest.

    Args:
        folders: those that hold pictures.
        around: the folders around everything.
    """
    in_splits = [parts for parts in folders if any(split_of(part) is not None for part in parts)]
    around_splits = _around(in_splits)
    split_at, class_at = _columns(in_splits, len(around_splits))
    if split_at is not None and 2 * len(in_splits) > len(folders):
        splits = {split_of(parts[split_at]) for parts in in_splits}
        classes = {parts[class_at] for parts in in_splits if len(parts) > class_at}
        if 0 in splits and splits & {1, 2} and len(classes) > 1:
            return around_splits, split_at, class_at
    return around, *_columns(folders, len(around))


def _columns(folders: Sequence[Parts], depth: int) -> tuple[int | None, int]:
    """Which part of the path names the split (None: no part does), and which the class, below so many parts."""
    tops = {parts[depth] for parts in folders if len(parts) > depth}
    split_tops = {top for top in tops if split_of(top) is not None}
    deep = {parts[depth] for parts in folders if len(parts) > depth + 1 and parts[depth] in split_tops}
    # A class may be called "train" (car, plane, train): it is a split where class folders lie in it, or beside splits.
    if deep or (split_tops and split_tops == tops):
        return depth, depth + 1
    if tops and all(
        len(parts) > depth + 1 and split_of(parts[depth + 1]) is not None for parts in folders if len(parts) > depth
    ):
        return depth + 1, depth
    return None, depth
