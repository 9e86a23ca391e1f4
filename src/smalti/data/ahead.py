"""Making things before they are asked for."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Full, Queue
from typing import Generic, TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


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


@dataclass(frozen=True)
class _Made(Generic[T]):
    """What the thread of `ahead` hands over: an item, an error, or, with neither, the end."""

    items: tuple[T, ...]
    error: BaseException | None = None
