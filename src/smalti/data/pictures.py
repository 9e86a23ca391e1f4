"""The pixels of a source, wherever they are: in memory as uint8 where they fit, decoded by worker processes again and
again where they do not. Both ways give the same bits, for any number of workers.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.data.cores import cores
from smalti.data.memory import default_memory_limit
from smalti.data.preprocess import Preprocess
from smalti.data.source import Source, Storage
from smalti.data.workers import by_workers
from smalti.errors import InputError

__all__ = ["Pictures"]

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]

_CHUNK = 32  # pictures a thread decodes before it reports


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
        workers = min(self.workers, max(1, len(batches)))
        return by_workers(workers, self._decoder, batches, self._named)  # a worker sends one tensor a batch

    def _fill(self, indices: NDArray[np.int64]) -> int:
        self._pixels[torch.from_numpy(self._rows[indices])] = self._named(self._decoder(indices))
        self._held[indices] = True
        return len(indices)

    def _named(self, item: "Tensor | _Unreadable") -> Tensor:
        if isinstance(item, Tensor):
            return item
        raise InputError(
            item.what, where=self.source.names[item.index], why=item.why, mend="smalti check, or --bad-images skip"
        )


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


def _ignore(done: int) -> None:
    pass
