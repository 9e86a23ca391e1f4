"""How the minutes of a run are shared out, by a clock that the tests move."""

import pytest

from smalti.recipes.clock import CLOSING_SECONDS, Clock, start_clock


@pytest.mark.parametrize(
    ("left", "judging", "reading", "expected"),
    [
        (300, 10, 0, 288),
        (300, 1000, 0, 150),  # measured in a slow moment, perhaps
        (300, 10, 100, 188),
        (300, 1000, 200, 50),  # half of what reading leaves
        (1, 1, 0, 1),
    ],
)
def test_training_gets_half_of_what_reading_leaves_at_least(left, judging, reading, expected, now):
    assert Clock(left + CLOSING_SECONDS).training(judging, reading) == pytest.approx(expected)


@pytest.mark.parametrize("judging", [0, 10, 60, 1000])
def test_reading_gets_as_much_as_training(judging, now):
    clock = Clock(300 + CLOSING_SECONDS)
    reading = clock.reading(judging)
    assert clock.training(judging, reading) == pytest.approx(reading)
    assert reading >= 100


def test_the_time_that_the_data_check_takes_is_gone(now):
    now[0] = 10 + 25
    clock, told = start_clock(1, 10, "the check")
    assert (clock.left, told) == (60 - 25 - CLOSING_SECONDS, ())


@pytest.mark.parametrize("taken", [50, 500])
def test_half_of_the_minutes_are_left_however_long_the_data_check_took(taken, now):
    now[0] = 10 + taken
    clock, (told,) = start_clock(1, 10, "the check")
    assert clock.left == 30 - CLOSING_SECONDS
    assert told.value == "30 seconds"
    assert f"the check took {taken} of its 60 seconds" in told.reason
