"""Data sets that are arrays: a stack of pictures and an array of answers for each split."""

import bisect
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.labels import class_targets
from smalti.data.names import Names
from smalti.data.source import SPLITS, UNASSIGNED, Source, Task
from smalti.errors import InputError, counted

__all__ = ["Stacks", "array_source"]

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Stacks:
    """Storage: pictures in memory.

    Args:
        stacks: arrays (N, H, W) or (N, H, W, C); samples are numbered through all of them.
    """

    stacks: tuple[Array, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", np.cumsum([0, *map(len, self.stacks)]).tolist())

    def read(self, index: int) -> Array:
        """The pixels of sample `index`, (H, W) or (H, W, C)."""
        starts: list[int] = self._starts  # type: ignore[attr-defined]
        which = bisect.bisect_right(starts, index) - 1
        return self.stacks[which][index - starts[which]]

    def fingerprint(self) -> str:
        """A digest of shapes, types and bytes."""
        digest = hashlib.blake2b(digest_size=16)
        for stack in self.stacks:
            digest.update(f"{stack.shape}{stack.dtype}".encode())
            digest.update(np.ascontiguousarray(stack).data if stack.size else b"")
        return digest.hexdigest()


def array_source(
    name: str,
    parts: Mapping[int, tuple[Array, Array]],
    task: Task | None = None,
    label_names: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Source:
    """A source of arrays.

    Args:
        name: of the data set, for messages.
        parts: split (a position in SPLITS, or UNASSIGNED) -> pictures (N, H, W[, C]) and answers: (N,) or (N, 1)
            integers or strings are classes, (N, K) of 0 and 1 are labels, floats are numbers to predict.
        task: what to take the answers for, instead of finding it.
        label_names: the class of each integer; without it the integer is its own name.
        notes: remarks to carry.

    Raises:
        InputError: the shapes do not fit, or the answers are not those of the task.
    """
    notes = list(notes)
    stacks, answers, splits = [], [], []
    for split in _order(parts):
        pictures, given = parts[split]
        where = f"{name} ({SPLITS[split]})" if split != UNASSIGNED else name
        pictures = _as_pictures(pictures, where, notes)
        given = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
        if given.ndim not in (1, 2) or len(given) != len(pictures):
            raise InputError(
                f"{len(pictures)} pictures and answers of shape {given.shape}",
                where=where,
                mend="give one answer, or one row, a picture",
            )
        stacks.append(pictures)
        answers.append(given)
        splits.append(np.full(len(pictures), split, np.int8))
    if len({given.shape[1:] for given in answers}) != 1:
        raise InputError(
            "the splits have answers of different shapes", where=name, mend="give every split the same labels"
        )
    split_array, given = np.concatenate(splits), np.concatenate(answers)
    if not len(given):
        raise InputError("no pictures found", where=name, mend="give at least one picture a class")
    names = Names(
        f"{SPLITS[split]}/{i:05d}" if split != UNASSIGNED else f"{i:05d}"
        for split, part in zip(_order(parts), answers, strict=True)
        for i in range(len(part))
    )
    task, labels, targets = _targets(name, given, split_array, task, label_names, notes)
    return Source(
        name, task, labels, names, targets, split_array, Stacks(tuple(stacks)), None, tuple(dict.fromkeys(notes))
    )


def _order(parts: Mapping[int, object]) -> list[int]:
    """The splits in the order of samples: train, val, test, then what no split names."""
    return sorted(parts, key=lambda split: split % 8)


def _as_pictures(pictures: Array, where: str, notes: list[str]) -> Array:
    if pictures.ndim not in (3, 4) or pictures.dtype.kind not in "buif":
        mend = (
            f"reshape it to (N, {_side(pictures.shape[1])}, ...)"
            if pictures.ndim == 2
            else "give (N, H, W) or (N, H, W, C) numbers"
        )
        raise InputError(f"pictures of shape {pictures.shape} and type {pictures.dtype}", where=where, mend=mend)
    if pictures.ndim == 4 and _channels_first(*pictures.shape[1:]):
        notes.append("channels came first, (N, C, H, W), and were moved last")
        pictures = pictures.transpose(0, 2, 3, 1)
    return pictures


def _channels_first(first: int, second: int, third: int) -> bool:
    """Whether pictures of this shape are (C, H, W): the last is no usual number of channels, and the first is one, or
    the smaller one beside two that make a square."""
    return third > 4 and (first in (1, 3, 4) or first < second == third)


def _side(pixels: int) -> str:
    side = round(pixels**0.5)
    return f"{side}, {side}" if side * side == pixels else "H, W"


def _targets(
    name: str,
    given: Array,
    splits: NDArray[np.int8],
    task: Task | None,
    label_names: Sequence[str] | None,
    notes: list[str],
) -> tuple[Task, tuple[str, ...], NDArray[np.generic]]:
    task = task or _task(given, notes)
    if task == "classify":
        if given.ndim == 2:
            given = _chosen(name, given)
        labels, targets = class_targets(_class_names(name, given, label_names), splits, name)
        return task, labels, targets
    if given.dtype.kind not in "buif":
        raise InputError(f"answers of type {given.dtype} for the task {task}", where=name, mend="give numbers")
    rows = given.reshape(len(given), -1).astype(np.float32)
    if task == "multilabel":
        if not np.isin(rows, (0, 1)).all():
            raise InputError(
                "multi-label answers other than 0 and 1", where=name, mend="give 1 where a label applies, 0 elsewhere"
            )
        return task, tuple(label_names or map(str, range(rows.shape[1]))), rows
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(
            f"{len(bad)} targets are not finite numbers",
            where=name,
            why=f"the first is that of sample {bad[0]}",
            mend="give numbers, or leave the samples out",
        )
    return task, ("target",) if rows.shape[1] == 1 else tuple(f"target_{i}" for i in range(rows.shape[1])), rows


def _task(given: Array, notes: list[str]) -> Task:
    if given.ndim == 1:
        return "regress" if given.dtype.kind == "f" else "classify"
    if np.isin(given, (0, 1)).all():
        if (given.sum(axis=1) == 1).all():
            notes.append("every row of the labels has exactly one 1: read as one-hot classes")
            return "classify"
        return "multilabel"
    return "regress"


def _chosen(name: str, rows: Array) -> NDArray[np.int64]:
    """The one label of each row of (N, K)."""
    counts = np.count_nonzero(rows, axis=1)
    odd = np.flatnonzero(counts != 1)
    if len(odd):
        raise InputError(
            f"row {odd[0]} of the answers has {counts[odd[0]]} labels where one is expected",
            where=name,
            why=f"{counted(len(odd), 'row')} like it",
            mend="give one label a picture, or train with --task multilabel",
        )
    return np.nonzero(rows)[1]


def _class_names(name: str, given: Array, label_names: Sequence[str] | None) -> list[str]:
    if given.dtype.kind in "US":
        return [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in given.tolist()
        ]
    if given.dtype.kind == "f" and not (np.isfinite(given) & (given == np.floor(given))).all():
        raise InputError(
            "class labels that are not whole numbers", where=name, mend="give integers, or train with --task regress"
        )
    values = [int(value) for value in given.tolist()]
    if label_names is None:
        return [str(value) for value in values]
    if min(values) < 0 or max(values) >= len(label_names):
        raise InputError(
            f"labels {min(values)} to {max(values)} with {len(label_names)} class names",
            where=name,
            mend="get the files again",
        )
    return [label_names[value] for value in values]
