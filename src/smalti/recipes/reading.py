"""What reading the pictures takes of a run by the clock; where that is too much, fewer are read."""

from dataclasses import replace

from smalti.data.split import LEAST_VAL, split
from smalti.recipes.clock import Clock
from smalti.recipes.given import Given
from smalti.recipes.recipe import Choice

__all__ = ["FEWEST", "within_the_clock"]

NOTICED = 0.05  # share of the clock from which on it is counted: less is within what the measured pace errs by
FEWEST = 100  # training pictures that are read however little time there is: from fewer little is learned


def within_the_clock(given: Given, clock: Clock, seconds: float) -> tuple[Given, tuple[Choice, ...]]:
    """The circumstances once the pictures are read: with the time that there is to train then, and with a share of the
    training pictures where there is no time to read all. And what is said of it.

    A share that is seen often teaches more than all that are seen once, or not at all; so nothing is read again and
    again for want of time to read it first.

    Args:
        given: the circumstances before.
        clock: of the run.
        seconds: from one picture to the next.
    """
    whole, left = given.split, clock.left
    train, val = len(whole.train), len(whole.val)
    judging = seconds * len(whole.test)  # what is slow to read takes longer to read than to answer for
    if seconds * (train + val) <= NOTICED * left:
        return replace(given, seconds=clock.training(judging)), ()
    pictures = clock.reading(judging) / seconds
    share = min(pictures / (train + val), (pictures - min(val, LEAST_VAL)) / train)  # no fewer are left to choose by
    share = max(share, FEWEST / train)
    if share < 1:
        fraction = share * given.fraction
        part = split(given.source, given.check.facts, seed=given.seed, fraction=fraction)
        given = replace(given, split=part, settings={**given.settings, "fraction": fraction})
    reading = seconds * (len(given.split.train) + len(given.split.val))
    value = f"{len(given.split.train):,} of {train:,} training pictures"
    why = f"at {1000 * seconds:,.3g} ms a picture that takes {reading:,.0f} seconds of the {left:,.0f} that are left"
    return replace(given, seconds=clock.training(judging, reading)), (Choice("read", value, why),)
