"""The pictures of a tree and the folders they lie in."""

from array import array
from collections.abc import Set
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.folders.parts import Parts, parts_of
from smalti.data.formats.tree import Tree, is_picture
from smalti.data.names import Names

__all__ = ["IMAGE_FOLDERS", "MASK_FOLDERS", "NO_CLASSES", "ByFolder"]

# What folders are called that say that pictures lie in them, not which.
IMAGE_FOLDERS = frozenset({"images", "image", "imgs", "img", "jpegimages", "leftimg8bit"})
NO_CLASSES = IMAGE_FOLDERS | {"data", "dataset"}  # names that say nothing of what lies in a folder
# What those are called that hold masks of pictures.
MASK_FOLDERS = frozenset(
    {"masks", "mask", "semantic_masks", "segmentationclass", "labels", "annotations", "gt", "gtfine"}
)


@dataclass(frozen=True)
class ByFolder:
    """N pictures in F folders. The folder says what a picture is, so folders are judged, once each.

    Args:
        positions: (N,) theirs in the tree.
        paths: N.
        folders: F, those that a picture lies right in.
        folder_of: (N,) positions in `folders`.
    """

    positions: NDArray[np.int64]
    paths: Names
    folders: list[Parts]
    folder_of: NDArray[np.int64]

    @classmethod
    def of(cls, tree: Tree, doubled: Set[str]) -> Self:
        """Those of a tree; `doubled` are the folders that are passed over."""
        numbers: dict[str, int] = {}
        pictures, folder_of = array("q"), array("q")
        for i, path in enumerate(tree.paths):
            if is_picture(path):
                pictures.append(i)
                folder_of.append(numbers.setdefault(path.rpartition("/")[0], len(numbers)))
        positions = np.frombuffer(pictures, np.int64)
        folders = [parts_of(folder, doubled) for folder in numbers]
        return cls(positions, tree.paths.take(positions), folders, np.frombuffer(folder_of, np.int64))

    def without(self, left_out: NDArray[np.bool]) -> Self:
        """All but those that `left_out` (N,) marks, and but the folders that hold no others."""
        kept = np.flatnonzero(~left_out)
        holding, folder_of = np.unique(self.folder_of[kept], return_inverse=True)
        folders = [self.folders[number] for number in holding]
        return type(self)(self.positions[kept], self.paths.take(kept), folders, folder_of)
