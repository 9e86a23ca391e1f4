"""Units too large for their share of the samples."""

import numpy as np
from tests.data.split.worlds import TEST, TRAIN, places, samples

from smalti.data.split import split


def test_few_large_groups_still_leave_something_to_test_on():
    groups = np.repeat(np.arange(4), 25)
    source, facts = samples(np.arange(100), groups % 2, groups=groups)
    source4, facts4 = samples(np.arange(100), np.zeros(100), groups=groups, labels=("a",))
    part = places(split(source, facts), 100)
    assert {TRAIN, TEST} == set(part[groups % 2 == 0]) == set(part[groups % 2 == 1])
    assert np.bincount(places(split(source4, facts4), 100)).tolist() == [50, 25, 25]


def test_where_groups_are_too_large_the_smallest_are_set_aside():
    groups = np.repeat([0, 1, 2], [900, 60, 40])
    source, facts = samples(np.arange(1000), np.zeros(1000), groups=groups, labels=("a",))
    for seed in range(20):
        found = split(source, facts, seed=seed)
        assert len(found.train) == 900, "the large one teaches, wherever it comes in the order"
        assert {len(found.val), len(found.test)} == {40, 60}
