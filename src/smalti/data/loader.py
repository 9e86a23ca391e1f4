"""Batches of a source, in an order and with an augmentation that are functions of (seed, epoch, sample).

`Pictures` hides where the pixels are: in memory as uint8 where they fit, decoded by worker processes again and again
where they do not. `Batches` puts them in order, augments and normalises. Both ways give the same bits, for any number
of workers, and an epoch can be entered at any step.
"""

import math
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from queue import Full, Queue
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from smalti.data.augment import AugmentConfig, augment
from smalti.data.balance import balanced, repeats
from smalti.data.cores import cores
from smalti.data.preprocess import Preprocess
from smalti.data.randomness import permutation
from smalti.data.source import Source, Storage
from smalti.errors import InputError, StorageError

__all__ = [
    "Batch",
    "Batches",
    "Pictures",
    "ahead",
    "default_memory_limit",
    "reader_death",
    "step_size",
    "steps_an_epoch",
]

Batch = dict[str, Tensor]
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
T = TypeVar("T")

_WORKER_DIED = re.compile(r"DataLoader worker .*(killed|exited)")
_GROUP = Path("/sys/fs/cgroup")  # of a container
_CHUNK = 32  # pictures a thread decodes before it reports
_FEW = 4  # batches: of fewer, a rest that is left out would be a large part of an epoch


class Pictures:
    """The pictures of a source, fitted and as uint8, by position.

    Training and evaluation share one `Pictures`, so nothing is decoded twice.

    Args:
        source: what to read; `source.storage.read` must be safe to call from several threads and forked processes.
        preprocess: how a picture is fitted to the model's input.
        margin: pictures are kept larger than the model's input by this factor, for crops out of them.
        memory_limit: bytes; pictures that are loaded stay in memory while they take no more. By default a quarter of
            the free memory, at most 4 GiB.
        workers: threads that fill the memory, or processes that decode a stream (0: none, decode in this process);
            by default one a core.
        progress: opened with the number of pictures to be read, gives a function that is told how many more are done.
    """

    def __init__(
        self,
        source: Source,
        preprocess: Preprocess,
        *,
        margin: float = 1.0,
        memory_limit: int | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        if margin < 1:
            raise InputError(f"margin {margin} is not a number of 1 or more")
        H, W = preprocess.img_size
        self.source, self.preprocess, self.margin = source, preprocess, margin
        self.size = (math.ceil(H * margin - 1e-6), math.ceil(W * margin - 1e-6))
        self.memory_limit = default_memory_limit() if memory_limit is None else memory_limit
        self.workers = cores() if workers is None else workers
        self._progress = progress
        self._decoder = _Decoder(source.storage, preprocess.with_size(self.size))
        self._lock = threading.Lock()
        room = min(len(source), self.memory_limit // (preprocess.in_chans * math.prod(self.size)))
        self._pixels = torch.empty(room, preprocess.in_chans, *self.size, dtype=torch.uint8)  # costs what is written
        self._free = 0  # the first row of it that is no picture's
        self._rows = np.full(len(source), -1)  # of each picture, once it has one
        self._held = np.zeros(len(source), dtype=bool)

    @cached_property
    def exact(self) -> "Pictures":
        """The same pictures at the model's input size, as `preprocess.load` gives them: itself without a margin."""
        if self.size == tuple(self.preprocess.img_size):
            return self
        return Pictures(
            self.source,
            self.preprocess,
            memory_limit=self.memory_limit,
            workers=self.workers,
            progress=self._progress,
        )

    def load(self, indices: NDArray[np.int64]) -> None:
        """Decodes those of `indices` that memory does not hold yet; nothing where there is no room for all of them.

        Raises:
            InputError: a picture cannot be read or decoded; it names the picture.
        """
        with self._lock:
            missing = np.unique(indices[~self._held[indices]])
            new = missing[self._rows[missing] < 0]
            if not len(missing) or self._free + len(new) > len(self._pixels):
                return
            self._rows[new] = np.arange(self._free, self._free + len(new))
            self._free += len(new)
            opened = self._progress(len(missing)) if self._progress else nullcontext(_ignore)
            with opened as advance, ThreadPoolExecutor(max(1, self.workers)) as pool:
                chunks = [missing[i : i + _CHUNK] for i in range(0, len(missing), _CHUNK)]
                running = [pool.submit(self._fill, chunk) for chunk in chunks]
                try:
                    for done in as_completed(running):
                        advance(done.result())
                except BaseException:  # a bad picture or Ctrl-C: do not work through the rest first
                    pool.shutdown(cancel_futures=True)
                    raise

    def holds(self, indices: NDArray[np.int64]) -> bool:
        """Whether memory holds all of `indices`."""
        return bool(self._held[indices].all())

    def stream(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Tensor]:
        """The pictures of each batch of positions: uint8 (B, C, S, T), in order; from memory where it holds them all,
        else decoded anew, by workers that start with the call.

        Raises:
            InputError: a picture cannot be read or decoded; it names the picture.
        """
        if all(map(self.holds, batches)):
            return (self._pixels.index_select(0, torch.from_numpy(self._rows[batch])) for batch in batches)
        if self.workers == 0:
            return (self._named(self._decoder(batch)) for batch in batches)
        return self._received(_start(_BatchDataset(self._decoder, batches), min(self.workers, max(1, len(batches)))))

    def _fill(self, indices: NDArray[np.int64]) -> int:
        self._pixels[torch.from_numpy(self._rows[indices])] = self._named(self._decoder(indices))
        self._held[indices] = True
        return len(indices)

    def _received(self, loaded: Iterator["Tensor | _Unreadable"]) -> Iterator[Tensor]:
        try:
            for item in loaded:
                yield self._named(item)
        except (OSError, EOFError) as error:  # errors of pictures come as values: this is the machinery
            raise _reader_died(error) from error
        finally:
            del loaded  # ends the workers, also while a traceback keeps this frame

    def _named(self, item: "Tensor | _Unreadable") -> Tensor:
        if isinstance(item, Tensor):
            return item
        raise InputError(
            item.what, where=self.source.names[item.index], why=item.why, mend="smalti check, or --bad-images skip"
        )


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
            self.pictures, indices, batch_size=self.batch_size, device=self.device, background=self.background
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
        return _watched(ahead(batches) if self.background else batches)

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
        positions = torch.from_numpy(ids)
        target, position = self._to_device(self.targets[positions]), self._to_device(positions)
        batch = {"image": rule.normalize(images), "target": target, "id": position}
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


def ahead(items: Iterator[T], depth: int = 2) -> Iterator[T]:
    """`items`, made up to `depth` ahead by a thread. An error in making them is raised where they are used.

    The thread starts with the first item asked for, and ends when the iterator is closed or dropped.
    """
    ready: Queue[_Made[T]] = Queue(depth)
    stop = threading.Event()

    def hand_over(made: _Made[T]) -> None:
        while not stop.is_set():
            with suppress(Full):
                ready.put(made, timeout=0.1)
                return

    def work() -> None:
        try:
            for item in items:
                hand_over(_Made((item,)))
                if stop.is_set():
                    return
            hand_over(_Made(()))
        except BaseException as error:
            hand_over(_Made((), error))

    thread = threading.Thread(target=work, name="smalti-ahead", daemon=True)
    thread.start()
    try:
        while True:
            made = ready.get()
            if made.error:
                raise made.error
            if not made.items:
                return
            yield made.items[0]
    finally:
        stop.set()
        thread.join()


def default_memory_limit() -> int:
    """Bytes: a quarter of the free memory, at most 4 GiB."""
    return min(_free_memory() // 4, 4 << 30)


@dataclass(frozen=True)
class _Unreadable:
    """A picture that could not be decoded: a value, since an exception loses its fields between processes."""

    index: int
    what: str
    why: str


class _Decoder:
    """Positions to uint8 (B, C, S, T), or the first picture that could not be decoded."""

    def __init__(self, storage: Storage, rule: Preprocess) -> None:
        self.storage, self.rule = storage, rule

    def __call__(self, indices: NDArray[np.int64]) -> Tensor | _Unreadable:
        images = []
        for index in indices.tolist():
            try:
                images.append(self.rule.load(self.storage.read(index)))
            except InputError as error:
                return _Unreadable(index, error.what, error.why)
            except OSError as error:
                return _Unreadable(index, "cannot be read", error.strerror or str(error))
        return torch.stack(images)


class _BatchDataset(Dataset[Tensor | _Unreadable]):
    """An item is a whole batch, so that a worker sends one tensor a batch."""

    def __init__(self, decoder: _Decoder, batches: Sequence[NDArray[np.int64]]) -> None:
        self.decoder, self.batches = decoder, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, step: int) -> Tensor | _Unreadable:
        return self.decoder(self.batches[step])


def _start(dataset: _BatchDataset, workers: int) -> Iterator[Tensor | _Unreadable]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)  # the caller chose the number
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # workers use one thread and no device
        loader = DataLoader(
            dataset,
            batch_size=None,
            num_workers=workers,
            collate_fn=_as_is,
            worker_init_fn=_ignore_interrupt,
            generator=torch.Generator(),  # its own: the global random state stays as it is
        )
        return iter(loader)


def _watched(items: Iterator[T]) -> Iterator[T]:
    """`items`, and a clear error where a worker dies: torch raises out of a signal handler, wherever that strikes."""
    try:
        yield from items
    except RuntimeError as error:
        if died := reader_death(error):
            raise died from error
        raise


def reader_death(error: BaseException) -> StorageError | None:
    """What to tell of an error by which torch says that a worker died; None for any other."""
    return _reader_died(error) if isinstance(error, RuntimeError) and _WORKER_DIED.search(str(error)) else None


def _reader_died(error: BaseException) -> StorageError:
    return StorageError(
        "a process that reads pictures died", why=str(error), mend="use fewer workers (--workers 0 uses none)"
    )


def _ignore_interrupt(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the training process alone decides when its workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_is(item: T) -> T:
    return item


def _ignore(done: int) -> None:
    pass


@dataclass(frozen=True)
class _Made(Generic[T]):
    """What the thread of `ahead` hands over: an item, an error, or, with neither, the end."""

    items: tuple[T, ...]
    error: BaseException | None = None


def _free_memory() -> int:
    """Bytes this process can still take: what the machine has free, and what its container allows; 8 GiB if unknown."""
    known = []
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        known.append(int(lines["MemAvailable"].split()[0]) << 10)
    except (OSError, KeyError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    with suppress(OSError, KeyError, ValueError):  # no container, or no limit ("max")
        limit, used = (int((_GROUP / f"memory.{what}").read_text()) for what in ("max", "current"))
        parts = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        known.append(limit - used + int(parts["inactive_file"]))  # files read of late, which give way
    return max(0, min(known, default=8 << 30))
