"""What reading the pictures takes of a run by the clock; where that is too much, fewer are read."""

from dataclasses import replace

from smalti.data.split import split
from smalti.recipes.given import Given
from smalti.recipes.recipe import Choice

__all__ = ["FEWEST", "within_the_clock"]

READING = 0.5  # share of the clock that reading may take: the rest is to learn from what was read
NOTICED = 0.05  # share from which on it is counted: less is within what the measured pace errs by
FEWEST = 100  # training pictures that are read however little time there is: from fewer little is learned


def within_the_clock(given: Given, seconds: float) -> tuple[Given, tuple[Choice, ...]]:
    """The circumstances once the pictures are read: with the time that is left then, and with a share of the training
    pictures where there is no time to read all. And what is said of it.

    A share that is seen often teaches more than all that are seen once, or not at all; so nothing is read again and
    again for want of time to read it first.

    Args:
        given: the circumstances before.
        seconds: from one picture to the next.
    """
    whole, clock = given.split, given.seconds
    if seconds * (len(whole.train) + len(whole.val)) <= NOTICED * clock:
        return given, ()
    share = READING * clock / (seconds * (len(whole.train) + len(whole.val)))
    share = max(share, FEWEST / len(whole.train))
    if share < 1:
        fraction = share * given.fraction
        part = split(given.source, given.check.facts, seed=given.seed, fraction=fraction)
        given = replace(given, split=part, settings={**given.settings, "fraction": fraction})
    reading = seconds * (len(given.split.train) + len(given.split.val))
    value = f"{len(given.split.train):,} of {len(whole.train):,} training pictures"
    why = f"at {1000 * seconds:,.3g} ms a picture that takes {reading:,.0f} seconds of the {clock:,.0f} that are left"
    return replace(given, seconds=max(clock - reading, 1.0)), (Choice("read", value, why),)
