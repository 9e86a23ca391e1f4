"""Pictures of a tree that have a class each, as a source."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.labels import class_targets
from smalti.data.formats.tree import Tree
from smalti.data.source import Problem, Source

__all__ = ["classified"]


def classified(
    tree: Tree,
    positions: NDArray[np.int64],
    classes: Iterable[str],
    splits: NDArray[np.int8],
    *,
    notes: Iterable[str],
    problems: Iterable[Problem],
    empty_classes: Iterable[str] = (),
) -> Source:
    """N pictures of a tree.

    Args:
        tree: the files.
        positions: (N,) theirs.
        classes: N, as they are called.
        splits: (N,) positions in SPLITS, or UNASSIGNED.
        notes: what is to be said beside that of the tree.
        problems: what speaks against the layout.
        empty_classes: folders of classes without pictures.
    """
    labels, targets = class_targets(classes, splits, tree.name)
    return Source(
        name=tree.name,
        task="classify",
        labels=labels,
        names=tree.paths.take(positions),
        targets=targets,
        splits=splits,
        storage=tree.storage.select(positions),
        notes=(*tree.notes, *notes),
        empty_classes=tuple(empty_classes),
        problems=tuple(problems),
    )
