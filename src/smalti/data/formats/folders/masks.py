"""Masks that lie beside the pictures of classes. They are answers of another task, and often give the class away."""

import re
from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.folders.by_folder import IMAGE_FOLDERS, MASK_FOLDERS, ByFolder
from smalti.data.formats.folders.parts import Parts
from smalti.data.formats.labels import split_of, words_of
from smalti.data.names import Names
from smalti.data.source import Problem
from smalti.errors import counted, few

__all__ = ["masks_of_classes", "masks_told"]

_MASK = re.compile(r"(.+?)[\s_-]+(?:masks?|segmentation)(?:[\s_-]*\d+)?", re.IGNORECASE)  # "benign (1)_mask_1"
_AT_LEAST = 5  # pictures a folder, on average, for folders to be classes and no patients


def masks_of_classes(pictures: ByFolder) -> NDArray[np.bool]:
    """Which pictures (N,) are masks of others, where folders are classes: in a folder of masks beside one of images
    ("COVID/masks/1.png" beside "COVID/images/1.png"), or in the same folder under the name of a picture and a word more
    ("benign/1_mask.png" beside "benign/1.png").
    """
    found = np.isin(pictures.folder_of, [*_mask_folders(pictures)])
    found[[*_called_masks(pictures)]] = True
    return found


def masks_told(masks: Names) -> Iterator[Problem]:
    """What is said of masks that are left out."""
    if masks:
        cause = f"{counted(len(masks), 'mask')} of pictures beside them: {few(masks)}"
        yield Problem(
            "left_out", "", cause, "if these are pictures to learn from, give them other names", count=len(masks)
        )


def _mask_folders(pictures: ByFolder) -> Iterator[int]:
    """The positions of folders of masks in several classes that lie side by side, each with a folder of images too. A
    lone one, or "train" and "test", are a set for segmentation, and so are many that hold a picture or two: patients,
    or scenes.
    """
    held = np.bincount(pictures.folder_of, minlength=len(pictures.folders))
    below = [(number, parts) for number, parts in enumerate(pictures.folders) if len(parts) > 1]
    images = {parts[:-1]: held[number] for number, parts in below if parts[-1].lower() in IMAGE_FOLDERS}
    masks: dict[Parts, dict[Parts, list[int]]] = {}  # by the folder around the classes, and by the class
    for number, parts in below:
        if parts[:-1] in images and split_of(parts[-2]) is None and _of_masks(parts[-1]):
            masks.setdefault(parts[:-2], {}).setdefault(parts[:-1], []).append(number)
    for classes in masks.values():
        if len(classes) > 1 and sum(images[parts] for parts in classes) >= _AT_LEAST * len(classes):
            yield from chain.from_iterable(classes.values())


def _of_masks(name: str) -> bool:
    """Whether a folder is called as those of masks are ("masks", "lung masks")."""
    return name.lower() in MASK_FOLDERS or not {"mask", "masks"}.isdisjoint(words_of(name))


def _called_masks(pictures: ByFolder) -> Iterator[int]:
    """The positions of those that are called as another picture in their folder, and masks."""
    asked: dict[tuple[str, str], list[int]] = {}  # by the folder, and by what the picture would be called
    for i, path in enumerate(pictures.paths):
        lower = path.lower()
        if "mask" in lower or "segmentation" in lower:
            folder, _, name = lower.rpartition("/")
            if found := _MASK.fullmatch(name.rpartition(".")[0]):
                asked.setdefault((folder, found[1]), []).append(i)
    if asked:
        for path in pictures.paths:
            folder, _, name = path.lower().rpartition("/")
            yield from asked.get((folder, name.rpartition(".")[0]), ())
