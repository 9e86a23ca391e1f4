"""How many pictures there is time to read, and what is left of it then."""

from dataclasses import replace

import numpy as np
import pytest
from tests.recipes.test_choose import given

from smalti.data.split import split
from smalti.recipes.reading import FEWEST, within_the_clock
from smalti.train.budget import Budget


@pytest.fixture(scope="module")
def circumstances():
    """A minute for 800 training pictures and 100 to choose by."""
    return given(size=(8, 8), n=1000, channels=1, budget=Budget(minutes=1))


def test_what_is_read_fast_is_no_matter(circumstances):
    assert within_the_clock(circumstances, 0.003) == (circumstances, ())


def test_the_clock_is_shorter_by_what_reading_takes(circumstances):
    after, (told,) = within_the_clock(circumstances, 0.02)
    assert after.split is circumstances.split
    assert after.seconds == pytest.approx(60 - 18, abs=0.1)
    assert "20 ms a picture" in told.reason


@pytest.mark.parametrize(("seconds", "train"), [(0.1, 267), (10.0, FEWEST)])
def test_where_half_the_clock_is_not_enough_a_share_is_read(circumstances, seconds, train):
    after, (told,) = within_the_clock(circumstances, seconds)
    assert len(after.split.train) == pytest.approx(train, abs=3)
    assert np.isin(after.split.train, circumstances.split.train).all()
    assert np.array_equal(after.split.test, circumstances.split.test)
    assert after.settings["fraction"] == pytest.approx(train / 800, rel=0.02)
    assert after.seconds >= 1
    assert told.value == f"{len(after.split.train)} of {len(circumstances.split.train)} training pictures"


def test_a_share_is_one_of_the_share_that_was_asked_for(circumstances):
    half = split(circumstances.source, circumstances.check.facts, fraction=0.5)
    after, _ = within_the_clock(replace(circumstances, split=half, settings={"fraction": 0.5}), 0.1)
    assert after.settings["fraction"] == pytest.approx(0.3, abs=0.01)
    assert len(after.split.train) == pytest.approx(240, abs=3)
