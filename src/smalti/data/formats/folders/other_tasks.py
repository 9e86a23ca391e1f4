"""Sets for detection and segmentation, which would pass for classes called "images" and "masks"."""

import re
from itertools import accumulate

import numpy as np

from smalti.data.formats.folders.by_folder import IMAGE_FOLDERS, MASK_FOLDERS, ByFolder
from smalti.data.formats.folders.layout import LAYOUTS
from smalti.data.formats.folders.parts import Parts
from smalti.data.formats.labels import split_of
from smalti.data.names import Names
from smalti.errors import InputError

__all__ = ["refuse_other_tasks"]


def refuse_other_tasks(name: str, pictures: ByFolder, others: Names) -> None:
    """Raises InputError where a set holds boxes or masks.

    Args:
        name: of the data set.
        pictures: what it holds.
        others: the files that are no pictures.
    """
    beside = _side_by_side(pictures)
    if found := _boxes(pictures, beside, others) or _masks(pictures, beside):
        raise InputError(
            f"not a classification set: it holds {found}", where=name, mend=f"to classify the pictures, {LAYOUTS}"
        )


def _side_by_side(pictures: ByFolder) -> dict[Parts, set[str]]:
    """In each folder those, in small letters, that hold pictures, deeper down too."""
    beside: dict[Parts, set[str]] = {}
    for parts in pictures.folders:
        for depth, part in enumerate(parts):
            beside.setdefault(parts[:depth], set()).add(part.lower())
    return beside


def _boxes(pictures: ByFolder, beside: dict[Parts, set[str]], others: Names) -> str:
    """What kind of boxes there are, for messages; empty where there are none."""
    lower = [path.lower() for path in others]
    words = set().union(*beside.values()) | {part for path in lower for part in path.split("/")[:-1]}
    drawn = {path.rpartition("/")[0] for path in lower if path.endswith(".xml")}
    if "annotations" in words and drawn and not _by_class(pictures, drawn):
        return "boxes for object detection (Pascal VOC: Annotations/*.xml)"
    if any(f"/{path}".endswith("/_annotations.csv") for path in lower):
        return "boxes for object detection (_annotations.csv)"
    if any(path.endswith("coco.json") or (path.endswith(".json") and "/instances_" in f"/{path}") for path in lower):
        return "boxes for object detection (COCO JSON)"
    boxed = {_stem(path) for path in lower if "labels/" in path and path.endswith(".txt")}
    if boxed and {"labels", "images"} <= words and any(_stem(path) in boxed for path in pictures.paths):
        return "boxes for object detection (YOLO: labels/*.txt)"
    return ""


def _by_class(pictures: ByFolder, drawn: set[str]) -> bool:
    """Whether boxes lie in folders of classes below splits, as the pictures do: those of ImageNet, "train/n01440764".
    `drawn` are the folders that hold boxes, in small letters."""
    ends = {tuple(map(str.lower, parts[-2:])) for parts in pictures.folders if len(parts) > 1}
    shared = ends & {tuple(folder.split("/")[-2:]) for folder in drawn}
    return len(shared) > 1 and all(split_of(split) is not None for split, _ in shared)


def _masks(pictures: ByFolder, beside: dict[Parts, set[str]]) -> str:
    """Which folders hold masks of pictures and the pictures, for messages; empty where none do."""
    paired = _paired(pictures, beside)
    return f"pictures paired with masks for segmentation ({'/, '.join(sorted(paired))}/)" if paired else ""


def _paired(pictures: ByFolder, beside: dict[Parts, set[str]]) -> set[str]:
    """Of folders side by side, in small letters, those of pictures and of their masks: "images" and "masks"; "train"
    and "train_labels" where most masks are called as pictures are. "face" and "face_mask" are classes."""
    for around, names in beside.items():
        if names & IMAGE_FOLDERS and names & MASK_FOLDERS:
            return names & (IMAGE_FOLDERS | MASK_FOLDERS)
        for name in sorted(names):
            for masks in sorted(names & {f"{name}_{mask}" for mask in MASK_FOLDERS - {"mask"}}):
                if _called_alike(_stems(pictures, around, name), _stems(pictures, around, masks)):
                    return {name, masks}
    return set()


def _called_alike(pictures: set[str], masks: set[str]) -> bool:
    """Whether most masks are called as a picture is, with a word more behind it or not ("a_1" and "a_1_mask")."""
    starts = (accumulate(re.split(r"([\W_]+)", mask)) for mask in masks)
    return 2 * sum(not pictures.isdisjoint(of_one) for of_one in starts) > len(masks)


def _stems(pictures: ByFolder, around: Parts, name: str) -> set[str]:
    """What the pictures below a folder are called, deeper down too; its own name is in small letters."""
    depth = len(around)
    below = [len(f) > depth and f[:depth] == around and f[depth].lower() == name for f in pictures.folders]
    return {*map(_stem, pictures.paths.take(np.flatnonzero(np.asarray(below)[pictures.folder_of])))}


def _stem(path: str) -> str:
    """The name of a file without its suffix, in small letters."""
    return path.rpartition("/")[2].rpartition(".")[0].lower()
