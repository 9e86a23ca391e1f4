"""How a command begins sooner."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["imports"]


@contextmanager
def imports() -> Iterator[None]:
    """What is imported in it stays to the end, so the garbage collector looks through it neither meanwhile nor later.

    torch brings some hundred thousand objects: a third of the time to the first answer went into them (docs/log.md).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
