"""How many pictures there is time to read, and what is left of it then."""

from dataclasses import replace

import numpy as np
import pytest
from tests.recipes.test_choose import given

from smalti.data.split import split
from smalti.recipes.clock import CLOSING_SECONDS, Clock
from smalti.recipes.reading import FEWEST, within_the_clock
from smalti.train.budget import Budget


@pytest.fixture(scope="module")
def circumstances():
    """800 training pictures, 100 to choose by, 100 to judge."""
    return given(size=(8, 8), n=1000, channels=1, budget=Budget(minutes=1))


@pytest.fixture
def minute(now) -> Clock:
    """A clock with a minute left."""
    return Clock(60 + CLOSING_SECONDS)


def test_what_is_read_fast_is_no_matter(circumstances, minute):
    after, told = within_the_clock(circumstances, minute, 0.003)
    assert after == replace(circumstances, seconds=after.seconds)
    assert after.seconds == pytest.approx(60, abs=0.5)
    assert told == ()


def test_what_is_read_at_once_is_read_in_the_shortest_run_too(circumstances, now):
    after, told = within_the_clock(circumstances, Clock(0), 0.00001)
    assert (after.split, told) == (circumstances.split, ())


def test_the_clock_is_shorter_by_what_reading_takes(circumstances, minute):
    after, (told,) = within_the_clock(circumstances, minute, 0.02)
    assert after.split is circumstances.split
    assert after.seconds == pytest.approx(60 - 18 - 1.2 * 2, abs=0.1)  # and by the time to read those that judge
    assert "20 ms a picture" in told.reason


@pytest.mark.parametrize(("seconds", "train"), [(0.05, 440), (0.1, 140), (10.0, FEWEST)])
def test_where_half_the_clock_is_not_enough_a_share_is_read(circumstances, minute, seconds, train):
    """In (60 - 1.2 * 5) / 2 = 27 seconds 440 to learn from and all 100 to choose by; in 24, at half the speed, 140."""
    after, (told,) = within_the_clock(circumstances, minute, seconds)
    assert len(after.split.val) == pytest.approx(100, abs=2)
    assert len(after.split.train) == pytest.approx(train, abs=3)
    assert np.isin(after.split.train, circumstances.split.train).all()
    assert np.array_equal(after.split.test, circumstances.split.test)
    assert after.settings["fraction"] == pytest.approx(train / 800, rel=0.02)
    reading = seconds * (len(after.split.train) + len(after.split.val))
    if train > FEWEST:
        assert after.seconds == pytest.approx(reading, rel=0.02)
    assert told.value == f"{len(after.split.train)} of {len(circumstances.split.train)} training pictures"


def test_where_many_choose_fewer_of_them_are_read_too(minute):
    circumstances = given(size=(8, 8), n=4000, channels=1, budget=Budget(minutes=1))
    after, _ = within_the_clock(circumstances, minute, 0.02)
    assert len(after.split.val) == pytest.approx(400 * len(after.split.train) / 3200, abs=2)
    assert 0.02 * (len(after.split.train) + len(after.split.val)) == pytest.approx((60 - 1.2 * 8) / 2, rel=0.02)


def test_a_share_is_one_of_the_share_that_was_asked_for(circumstances, minute):
    half = split(circumstances.source, circumstances.check.facts, fraction=0.5)
    after, _ = within_the_clock(replace(circumstances, split=half, settings={"fraction": 0.5}), minute, 0.1)
    assert after.settings["fraction"] == pytest.approx(0.5 * 140 / 400, abs=0.01)
    assert len(after.split.train) == pytest.approx(140, abs=3)
