"""Batches of pictures, in an order and with an augmentation that are functions of (seed, epoch, sample): an epoch can
be entered at any step.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from smalti.data.ahead import ahead
from smalti.data.augment import AugmentConfig, augment
from smalti.data.balance import balanced, repeats
from smalti.data.pictures import Pictures
from smalti.data.randomness import permutation
from smalti.data.workers import watched
from smalti.errors import InputError

__all__ = ["Batch", "Batches", "step_size", "steps_an_epoch"]

Batch = dict[str, Tensor]

_FEW = 4  # batches: of fewer, a rest that is left out would be a large part of an epoch


class Batches:
    """Batches of some samples of `pictures`, epoch by epoch.

    A batch is a dict: "image" float32 (B, C, H, W), normalised; "target" (B,) int64 for classify, (B, K) float32 else;
    "id" (B,) int64, positions in the source.

    Args:
        pictures: where the pixels come from. Without augmentation its exact size is used, so that a picture is pixel
            for pixel what `preprocess.load` gives, with or without a margin.
        indices: (N,) positions of the samples in the source.
        batch_size: pictures.
        seed: of order and augmentation.
        augment: what is varied; None varies nothing.
        shuffle: another order every epoch; False keeps the order of `indices`.
        classes: (N,) the class of each sample: instead of every sample once, an epoch draws N samples, every class
            equally often (`data.balance`). None for every sample once.
        drop_last: leaves out a last batch that is not full; of a set of fewer than four batches it leaves out nothing,
            but cuts them to nearly equal size.
        out_size: (height, width) that images are scaled to once they are varied; None leaves them as `preprocess` has
            them.
        batch_transform: (batch, epoch, step in the epoch) to batch, for mixing.
        device: where batches are wanted. Pictures travel as bytes and are augmented and normalised there.
        background: the next batches are made in a thread while one is used; by default unless the device is a CPU,
            where the model needs the cores itself.
    """

    def __init__(
        self,
        pictures: Pictures,
        indices: NDArray[np.int64] | Sequence[int],
        *,
        batch_size: int,
        seed: int = 0,
        augment: AugmentConfig | None = None,
        shuffle: bool = False,
        classes: NDArray[np.int64] | None = None,
        drop_last: bool = False,
        out_size: tuple[int, int] | None = None,
        batch_transform: Callable[[Batch, int, int], Batch] | None = None,
        device: torch.device | str = "cpu",
        background: bool | None = None,
    ) -> None:
        self.indices = np.asarray(indices, dtype=np.int64)
        if self.indices.ndim != 1 or not len(self.indices):
            raise InputError("there are no pictures to make batches of", where=pictures.source.name)
        if batch_size < 1:
            raise InputError(f"batch_size {batch_size} is not 1 or more")
        self.pictures = pictures if augment else pictures.exact
        self.batch_size, self.seed, self.augment = batch_size, seed, augment
        self.draw = find_draw(len(self.indices), shuffle, classes)
        self.drop_last, self.batch_transform = drop_last, batch_transform
        self.out_size = out_size or pictures.preprocess.img_size
        self.device = torch.device(device)
        self.background = self.device.type != "cpu" if background is None else background
        targets = torch.from_numpy(np.ascontiguousarray(pictures.source.targets))
        self.targets = targets.long() if pictures.source.task == "classify" else targets.float()

    def __len__(self) -> int:
        """Batches an epoch."""
        n = len(self.indices)
        return steps_an_epoch(n, self.batch_size) if self.drop_last else math.ceil(n / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)

    def evaluation(self, indices: NDArray[np.int64] | Sequence[int]) -> Self:
        """The same pictures in the given order, unvaried, every one once."""
        return type(self)(
            self.pictures,
            indices,
            batch_size=self.batch_size,
            out_size=self.out_size,
            device=self.device,
            background=self.background,
        )

    def order(self, epoch: int) -> list[NDArray[np.int64]]:
        """Positions in the source, batch by batch."""
        return self._cut(self.indices[self.draw(self.seed, epoch)])

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on; those before are not read.

        Raises:
            InputError: a picture cannot be read or decoded; it names the picture.
        """
        self.pictures.load(self.indices)
        order = self.order(epoch)
        again = self._cut(repeats(np.concatenate(order)))
        pixels = self.pictures.stream(order[start:])
        batches = (
            self._finish(images, order[step], again[step], epoch, step) for step, images in enumerate(pixels, start)
        )
        return watched(ahead(batches) if self.background else batches)

    def _cut(self, drawn: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        if self.drop_last and len(drawn) < _FEW * self.batch_size:
            return np.array_split(drawn, len(self))
        return [drawn[i * self.batch_size : (i + 1) * self.batch_size] for i in range(len(self))]

    def _finish(self, images: Tensor, ids: NDArray[np.int64], again: NDArray[np.int64], epoch: int, step: int) -> Batch:
        rule = self.pictures.preprocess
        images = self._to_device(images)
        if self.augment:
            keys = ids + again * len(self.targets)  # a sample that comes again in an epoch is varied anew
            images = augment(images, keys, config=self.augment, out_size=rule.img_size, seed=self.seed, epoch=epoch)
        images = rule.normalize(images)
        if images.shape[-2:] != self.out_size:
            images = F.interpolate(images, self.out_size, mode="bilinear", antialias=True)
        positions = torch.from_numpy(ids)
        target, position = self._to_device(self.targets[positions]), self._to_device(positions)
        batch = {"image": images, "target": target, "id": position}
        return self.batch_transform(batch, epoch, step) if self.batch_transform else batch

    def _to_device(self, x: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return x.pin_memory().to(self.device, non_blocking=True)  # from pinned memory the copy does not wait
        return x.to(self.device)


def steps_an_epoch(n: int, batch_size: int) -> int:
    """Training steps of an epoch of n samples: full batches, whose rest waits for another epoch; of few batches all."""
    return n // batch_size if n >= _FEW * batch_size else math.ceil(n / batch_size)


def step_size(n: int, batch_size: int) -> int:
    """Samples that a training step learns from, of n in all: a batch, or less where they are few."""
    return min(batch_size, math.ceil(n / max(1, steps_an_epoch(n, batch_size))))


Draw = Callable[[int, int], NDArray[np.int64]]  # (seed, epoch) to (N,) positions in [0, N)


def find_draw(n: int, shuffle: bool, classes: NDArray[np.int64] | None) -> Draw:
    """How an epoch of n samples is drawn: as they stand, every one once, or every class equally often."""
    if classes is not None:
        return partial(balanced, classes=classes)
    return partial(permutation, n=n) if shuffle else lambda seed, epoch: np.arange(n)
