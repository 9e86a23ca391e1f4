"""Progress on standard error: one live line on a terminal, a plain line every ten seconds elsewhere.

No thread draws it (loader workers are forked from this process), and nothing here touches standard output.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["TrainingBar", "progress", "progress_callback"]

REDRAW_SECONDS = 0.1
PLAIN_LINE_SECONDS = 10.0


@contextmanager
def progress(total: int | None, description: str, *, show: bool = True) -> Iterator[Callable[[int], None]]:
    """Counts work of a known or unknown size.

    Args:
        total: number of items, or None.
        description: what is being done ("reading pictures").
        show: False draws nothing.

    Yields:
        `advance(n)`: n more items are done.
    """
    done = 0
    with _Line(description, total, show=show) as line:

        def advance(n: int = 1) -> None:
            nonlocal done
            done += n
            line.draw(done)

        yield advance


@contextmanager
def progress_callback(description: str, *, show: bool = True) -> Iterator[Callable[[int, int], None]]:
    """As `progress`, for work that learns its size on the way and reports (done, total), like the data check.

    Args:
        description: what is being done ("reading pictures").
        show: False draws nothing.

    Yields:
        `report(done, total)`.
    """
    with _Line(description, None, show=show) as line:

        def report(done: int, total: int) -> None:
            line.total = total
            line.draw(done)

        yield report


class TrainingBar:
    """The line of a training run: loss, accuracy, images a second, time left. A context manager.

    Args:
        total: optimiser steps of the whole run; None where the clock decides.
        start: steps done before (a resumed run).
        show: False draws nothing.
        unit: what a sample is, many of them.
    """

    def __init__(self, total: int | None, *, start: int = 0, show: bool = True, unit: str = "images") -> None:
        self.unit = unit
        self._line = _Line("training", total, start=start, show=show)

    def update(
        self,
        step: int,
        *,
        loss: float,
        accuracy: float | None = None,
        images_per_second: float | None = None,
        seconds_left: float | None = None,
        total: int | None = None,
    ) -> None:
        """Shows the state after `step` steps; cheap enough to call every step.

        Args:
            step: steps done.
            loss: the running training loss.
            accuracy: a share in [0, 1], where the task has one.
            images_per_second: throughput.
            seconds_left: where the caller knows better than steps done over time passed.
            total: a new estimate of all steps.
        """
        if total is not None:
            self._line.total = total
        detail = [f"loss {loss:.4g}"]
        if accuracy is not None:
            detail.append(f"accuracy {100 * accuracy:.1f} %")
        if images_per_second is not None:
            detail.append(f"{images_per_second:,.0f} {self.unit}/s")
        self._line.draw(step, "  ".join(detail), seconds_left)

    def note(self, text: str) -> None:
        """A line that stays, above the moving one."""
        self._line.note(text)

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.__exit__(kind, error, trace)


class _Line:
    """Where and how often a line of progress appears; what it says is the callers' matter."""

    def __init__(self, description: str, total: int | None, *, start: int = 0, show: bool = True) -> None:
        self.description, self.total, self.show = description, total, show
        self._start, self._began, self._drawn = start, time.monotonic(), time.monotonic()
        self._live: Progress | None = None

    def draw(self, done: int, detail: str = "", seconds_left: float | None = None) -> None:
        now = time.monotonic()
        if not self.show or now - self._drawn < (REDRAW_SECONDS if self._live else PLAIN_LINE_SECONDS):
            return
        self._drawn = now
        if seconds_left is None and self.total is not None and done > self._start:
            seconds_left = (self.total - done) * (now - self._began) / (done - self._start)
        left = "" if seconds_left is None else f"{_clock(seconds_left)} left"
        if self._live:
            task = self._live.task_ids[0]
            self._live.update(task, completed=done, total=self.total, detail=detail, left=left, refresh=True)
        else:
            count = f"{done:,}" if self.total is None else f"{done:,}/{self.total:,}"
            self.note("  ".join(part for part in (self.description, count, detail, left) if part))

    def note(self, text: str) -> None:
        if self.show and self._live:
            self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif self.show:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        if self.show and sys.stderr.isatty():
            self._live = _live(self.description, self._start, self.total)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            self._live = None


def _live(description: str, done: int, total: int | None) -> "Progress":
    """A bar that vanishes when it is done, drawn only when told to."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    def text(field: str) -> TextColumn:
        return TextColumn(field, markup=False)

    console = Console(stderr=True)
    columns = (text("{task.description}"), BarColumn(None), MofNCompleteColumn())
    details = (text("{task.fields[detail]}"), text("{task.fields[left]}"))
    live = Progress(
        *columns, *details, console=console, transient=True, auto_refresh=False, redirect_stdout=False, expand=True
    )
    live.add_task(description, total=total, completed=done, detail="", left="")
    return live


def _clock(seconds: float) -> str:
    """Seconds as 1:23 or 2:03:04."""
    minutes, second = divmod(max(0, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
