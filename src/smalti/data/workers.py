"""Reading pictures by other processes, and a clear error where one of them dies."""

import re
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from smalti.errors import StorageError

__all__ = ["by_workers", "reader_death", "watched"]

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")

_WORKER_DIED = re.compile(r"DataLoader worker .*(killed|exited)")


def by_workers(n: int, work: Callable[[S], R], items: Sequence[S], then: Callable[[R], T]) -> Iterator[T]:
    """`then(work(item))` of each item, in order. `work` is done by n processes that start with the call and end with
    the iterator, `then` here.

    Args:
        n: processes, 1 or more.
        work: picklable. An error of it is best a value that `then` raises: between processes it loses its fields.
        items: what each piece of work is done on.
        then: what is done with each result.

    Raises:
        StorageError: a process died.
    """
    return _received(_start(_Results(work, items), n), then)


def _received(results: Iterator[R], then: Callable[[R], T]) -> Iterator[T]:
    try:
        for result in results:
            yield then(result)
    except (OSError, EOFError) as error:  # errors of pictures come as values: this is the machinery
        raise _reader_died(error) from error
    finally:
        del results  # ends the workers, also while a traceback keeps this frame


class _Results(Dataset[R], Generic[S, R]):
    """`work(item)` of every item, by position, as torch asks for it."""

    def __init__(self, work: Callable[[S], R], items: Sequence[S]) -> None:
        self.work, self.items = work, items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> R:
        return self.work(self.items[index])


def _start(results: _Results[S, R], workers: int) -> Iterator[R]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)  # the caller chose the number
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # workers use one thread and no device
        loader = DataLoader(
            results,
            batch_size=None,
            num_workers=workers,
            collate_fn=_as_is,
            worker_init_fn=_ignore_signals,
            generator=torch.Generator(),  # its own: the global random state stays as it is
        )
        iterator: Any = iter(loader)
    for worker in iterator._workers:
        worker._popen.terminate = worker._popen.kill  # how torch, and Python in the end, stop one that is stuck
    return iterator


def watched(items: Iterator[T]) -> Iterator[T]:
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


def _ignore_signals(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal, and SIGTERM often every process of a job (timeout, systemd, Slurm):
    the training process alone decides when its workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _as_is(item: T) -> T:
    return item
