"""Class folders: `<class>/**/picture`, or the same under `train/`, `val/` and `test/`, in a folder or an archive."""

from array import array

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.labels import class_targets, split_of
from smalti.data.formats.tree import Tree, is_picture
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED, Source
from smalti.errors import InputError, counted, few, printable

__all__ = ["class_folders"]

_LAYOUTS = (
    "arrange them as <class>/<picture>, or as train/<class>/<picture> and test/<class>/<picture>, "
    "or name them in a manifest.csv with the columns path and label"
)
_IMAGES = {"images", "image", "imgs", "img", "jpegimages"}
_MASKS = {"masks", "mask", "semantic_masks", "segmentationclass", "labels", "annotations"}


def class_folders(tree: Tree, remarks: tuple[str, ...] = ()) -> Source:
    """Reads the layout from paths alone.

    The class is the first folder, or the first one below a split; deeper folders belong to it. One folder around
    everything is looked through. `<class>/<split>/<picture>` is read as well.

    Args:
        tree: the files.
        remarks: what is to be said where no classes are found (a manifest that lacks a column).

    Raises:
        InputError: there are no pictures, no class folders, or the layout is that of another task.
    """
    pictures, folder_of, folders = _by_folder(tree)
    others = tree.paths.take(np.delete(np.arange(len(tree.paths)), pictures))
    _refuse_other_tasks(tree.name, folders, others)
    if not len(pictures):
        raise _no_pictures(tree, remarks)
    base = _base(folders)
    split_at, class_at = _columns(folders, base)
    splits = [UNASSIGNED if split_at is None or len(f) <= split_at else split_of(f[split_at]) for f in folders]
    within = np.asarray([len(f) > class_at and s is not None for f, s in zip(folders, splits, strict=True)])[folder_of]
    kept, outside, folder_of = pictures[within], pictures[~within], folder_of[within]
    classes = {number: printable(folders[number][class_at], 300) for number in np.unique(folder_of).tolist()}
    if not len(kept) or (remarks and len({*classes.values()}) == 1):  # a lone folder beside a manifest is no class
        if remarks:
            mend = "give the manifest a column label (or labels, or target) with the answer of each picture"
            raise InputError("no classes found", where=tree.name, why="; ".join(remarks), mend=mend)
        why = f"the pictures lie together, as {few([tree.paths[pictures[0]]])}"
        raise InputError(
            f"{counted(len(pictures), 'picture')} but no class folders", where=tree.name, why=why, mend=_LAYOUTS
        )
    notes = [*tree.notes]
    if base:
        notes.append(f"read below {printable('/'.join(base))}/, which holds everything")
    if len(outside):
        left_out = few(tree.paths.take(outside))
        notes.append(f"{counted(len(outside), 'picture')} left out, in no class folder: {left_out}")
    if others:
        notes.append(f"{counted(len(others), 'file')} left out, not pictures: {few(others)}")
    split_array = np.asarray([UNASSIGNED if s is None else s for s in splits], np.int8)[folder_of]
    labels, targets = class_targets(map(classes.__getitem__, folder_of.tolist()), split_array, tree.name)
    holding = {"/".join(f[: max(class_at, split_at or 0) + 1]) for f in folders}
    return Source(
        name=tree.name,
        task="classify",
        labels=labels,
        names=tree.paths.take(kept),
        targets=targets,
        splits=split_array,
        storage=tree.storage.select(kept),
        notes=(*notes, *remarks),
        empty_classes=tuple(
            folder for folder in _class_folders(tree, base, split_at, class_at) if folder not in holding
        ),
    )


def _by_folder(tree: Tree) -> tuple[NDArray[np.int64], NDArray[np.int64], list[list[str]]]:
    """Positions of the pictures; the number of the folder each lies in; the parts of those folders' paths. The folder
    says what a picture is, so folders are judged, once each.
    """
    numbers: dict[str, int] = {}
    pictures, folder_of = array("q"), array("q")
    for i, path in enumerate(tree.paths):
        if is_picture(path):
            pictures.append(i)
            folder_of.append(numbers.setdefault(path.rpartition("/")[0], len(numbers)))
    folders = [folder.split("/") if folder else [] for folder in numbers]
    return np.frombuffer(pictures, np.int64), np.frombuffer(folder_of, np.int64), folders


def _base(folders: list[list[str]]) -> list[str]:
    """The folders around everything: each the only one that holds pictures, none of them right inside it."""
    base: list[str] = []
    while True:
        depth = len(base)
        tops = {parts[depth] for parts in folders if len(parts) > depth}
        if len(tops) != 1 or split_of(*tops) is not None or any(len(parts) == depth + 1 for parts in folders):
            return base
        base.append(*tops)


def _columns(folders: list[list[str]], base: list[str]) -> tuple[int | None, int]:
    """Which part of the path names the split (None: no part does), and which the class."""
    depth = len(base)
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


def _class_folders(tree: Tree, base: list[str], split_at: int | None, class_at: int) -> list[str]:
    """The folders whose place in the tree makes them a class (or a class within a split)."""
    depth = max(class_at, split_at or 0) + 1
    found = []
    for folder in tree.folders:
        parts = folder.split("/")
        in_split = split_at is None or (len(parts) > split_at and split_of(parts[split_at]) is not None)
        if len(parts) == depth and parts[: len(base)] == base and in_split:
            found.append(folder)
    return found


def _no_pictures(tree: Tree, remarks: tuple[str, ...]) -> InputError:
    why = f"it holds {few(tree.paths)}" if tree.paths else "it is empty"
    return InputError("no pictures found", where=tree.name, why="; ".join([why, *remarks]), mend=_LAYOUTS)


def _refuse_other_tasks(name: str, folders: list[list[str]], others: Names) -> None:
    """Sets for detection and segmentation would pass for classes called "images" and "masks".

    Args:
        name: of the data set.
        folders: those that hold pictures.
        others: the files that are no pictures.
    """
    lower = [path.lower() for path in others]
    beside: dict[tuple[str, ...], set[str]] = {}  # in each folder, those that hold pictures, deeper down too
    for parts in folders:
        for depth, part in enumerate(parts):
            beside.setdefault(tuple(parts[:depth]), set()).add(part.lower())
    paired = next((names for names in beside.values() if names & _IMAGES and names & _MASKS), set())
    words = set().union(*beside.values()) | {part for path in lower for part in path.split("/")[:-1]}
    found = ""
    if "annotations" in words and any(path.endswith(".xml") for path in lower):
        found = "boxes for object detection (Pascal VOC: Annotations/*.xml)"
    elif any(path.endswith("coco.json") or (path.endswith(".json") and "/instances_" in f"/{path}") for path in lower):
        found = "boxes for object detection (COCO JSON)"
    elif "labels" in words and "images" in words and any("labels/" in path and path.endswith(".txt") for path in lower):
        found = "boxes for object detection (YOLO: labels/*.txt)"
    elif paired:
        found = f"pictures paired with masks for segmentation ({'/, '.join(sorted(paired & (_IMAGES | _MASKS)))}/)"
    if found:
        raise InputError(
            f"not a classification set: it holds {found}", where=name, mend=f"to classify the pictures, {_LAYOUTS}"
        )
