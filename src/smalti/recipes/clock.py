"""How the wall clock of a run by minutes is shared out: what its data check leaves is to read, train and judge.

Training gets at least half of what reading leaves, and reading no more than training.
"""

import time
from dataclasses import dataclass

from smalti.recipes.recipe import Choice

__all__ = ["Clock", "start_clock"]

CLOSING_SECONDS = 8.0  # model file, report and the like, after the evaluation
LEAST = 0.5  # share of the minutes that is left to a run, however long it took to look at its data
SLOWER = 1.2  # times as long as measured the judging may take


@dataclass(frozen=True)
class Clock:
    """The clock of a run.

    Args:
        end: when the run is to be over, of `time.monotonic`.
    """

    end: float

    @property
    def left(self) -> float:
        """Seconds to read, to train and to judge; one at least."""
        return max(self.end - CLOSING_SECONDS - time.monotonic(), 1.0)

    def training(self, judging: float, reading: float = 0.0) -> float:
        """Seconds of them to train, where so many more go to judging the test and to reading what is learned from.

        `judging` was measured in a moment; had the machine been busy just then, it may be far too much. So training
        gets half of the time at least.
        """
        left = self.left - reading
        return max(left - SLOWER * judging, left / 2, 1.0)

    def reading(self, judging: float) -> float:
        """Seconds of them to read what is learned from: as many as training has then."""
        left = self.left
        return max((left - SLOWER * judging) / 2, left / 3)


def start_clock(minutes: float, began: float, work: str) -> tuple[Clock, tuple[Choice, ...]]:
    """The clock of a run of so many minutes once its data was looked at. Where that took more than half of them, half
    are left all the same, and that is said.

    Args:
        minutes: of the whole run.
        began: when it began, of `time.monotonic`.
        work: what it did since, for the person.
    """
    now, whole = time.monotonic(), 60 * minutes
    taken, least = now - began, LEAST * whole
    if taken <= whole - least:
        return Clock(began + whole), ()
    why = f"half of the budget: {work} took {taken:,.0f} of its {whole:,.0f} seconds"
    return Clock(now + least), (Choice("time left", f"{least:,.0f} seconds", why),)
