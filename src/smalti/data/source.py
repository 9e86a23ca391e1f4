"""What lies on disk: an index of samples with their targets. Nothing is decoded here."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smalti.tasks import Task

__all__ = ["SPLITS", "TEST", "TRAIN", "UNASSIGNED", "VAL", "Problem", "Raw", "Source", "Storage", "Task", "digest"]

Raw = bytes | NDArray[np.generic]  # an encoded picture, or its pixels as (H, W) or (H, W, C)

SPLITS = ("train", "val", "test")
TRAIN, VAL, TEST = range(len(SPLITS))
UNASSIGNED = -1  # a sample whose split the data does not say


class Storage(Protocol):
    """Reads the raw content of samples, by position. Picklable, so that loader workers can open their own handle."""

    def read(self, index: int) -> Raw:
        """The encoded bytes or the pixel array of sample `index`.

        Raises:
            OSError: the file is gone or cannot be read.
        """
        ...

    def fingerprint(self) -> str:
        """A digest that changes when the stored content does (names, sizes and times; not the bytes)."""
        ...


@dataclass(frozen=True)
class Problem:
    """Something wrong with the data, or worth knowing.

    Args:
        kind: one of `problems.finding.KINDS`.
        file: the name of the (first) sample; empty where it is about the whole.
        cause: what is wrong, as a sentence without a full stop.
        mend: what to do about it.
        fatal: whether training on would make the result a lie.
        count: the samples it is about.
        others: the names of further ones, at most 20.
    """

    kind: str
    file: str
    cause: str
    mend: str
    fatal: bool = False
    count: int = 1
    others: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The stable shape in `--json` output: kind, file, cause, mend, and more."""
        return {**vars(self), "others": list(self.others)}


@dataclass(frozen=True)
class Source:
    """An opened data set: N samples by position.

    Args:
        name: what the person called it, for messages ("cifar10.tar.gz").
        task: what the targets mean.
        labels: names of the classes (sorted), of the label columns, or of the regression targets.
        names: N stable ids, one a sample: the path inside the source, or "test/00017" for arrays.
        targets: classify (N,) int64 positions in `labels`; multilabel (N, K) float32, 0 and 1; regress (N, T) float32.
        splits: (N,) int8, positions in SPLITS, or UNASSIGNED.
        storage: reads sample content by the same position.
        groups: (N,) int64, samples of one group must stay in one split; None where the data names no groups.
        notes: remarks on what was found ("classes.csv skipped: not a picture"), shown by the check.
        empty_classes: folders that stand for a class and hold no picture ("train/unicorn"), shown by the check.
        problems: what the layout alone shows to be wrong (pictures that it leaves out), shown by the check.
        hashes: (N, 16) uint8, of the content of each picture, once they have been looked at (`Facts.hashes`).
    """

    name: str
    task: Task
    labels: tuple[str, ...]
    names: Sequence[str]
    targets: NDArray[np.generic]
    splits: NDArray[np.int8]
    storage: Storage
    groups: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    empty_classes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    hashes: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __post_init__(self) -> None:
        sizes = {len(self.names), len(self.targets), len(self.splits)}
        if len(sizes) != 1 or (self.groups is not None and len(self.groups) != len(self.names)):
            raise ValueError(f"names, targets, splits and groups differ in length: {sorted(sizes)}")

    @cached_property
    def stored(self) -> str:
        """The storage's fingerprint, taken once: it looks at every file."""
        return self.storage.fingerprint()

    @property
    def stored_here(self) -> str:
        """The same, and the folder it lies in: for caches, since copied folders have files of equal names, sizes and
        times which may differ all the same."""
        root = getattr(self.storage, "root", None)  # archives and arrays have none: they say all by themselves
        return self.stored if root is None else digest((self.stored, os.path.abspath(root)))

    @cached_property
    def fingerprint(self) -> str:
        """A digest that changes when anything a model learns from does: content, targets, labels, splits or groups.
        Neither where it lies counts, nor its names and times; until the content has been looked at, those and the sizes
        stand for it."""
        content, names = (self.stored, self.names) if self.hashes is None else (self.hashes.tobytes(), ())
        arrays = [np.zeros(0) if array is None else array for array in (self.targets, self.splits, self.groups)]
        shapes = (f"{array.shape}{array.dtype}" for array in arrays)
        start = (content, self.task, str(len(self.labels)), *self.labels, *shapes)
        return digest(chain(start, (array.tobytes() for array in arrays), names))

    def read(self, index: int) -> Raw:
        """The raw content of sample `index`: encoded bytes, or pixels (H, W[, C])."""
        return self.storage.read(index)


def digest(parts: Iterable[str | bytes]) -> str:
    """A hash of texts and bytes, as hexadecimal: of each of them, not only of all together."""
    found = hashlib.blake2b(digest_size=20)
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()
