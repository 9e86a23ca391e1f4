"""Ctrl-C and SIGTERM: a wish that is granted at the end of a step, and at once where there are no steps."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

__all__ = ["StopRequest", "ending_at_once"]

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def handled(handler: Handler, *numbers: int) -> Iterator[None]:
    """These signals go to `handler`, and afterwards to where they went before; in the main thread, since elsewhere
    handlers cannot be set."""
    main = threading.current_thread() is threading.main_thread()
    previous = {number: signal.signal(number, handler) for number in numbers} if main else {}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Either of them raises KeyboardInterrupt."""
    with handled(signal.default_int_handler, signal.SIGINT, signal.SIGTERM):
        yield


class StopRequest:
    """True once the person or the system asked to stop. A second Ctrl-C interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self._handled = handled(self._handle, signal.SIGINT, signal.SIGTERM)

    def __bool__(self) -> bool:
        return self.requested

    def __enter__(self) -> Self:
        self._handled.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._handled.__exit__(None, None, None)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
