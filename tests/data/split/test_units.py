"""What stays together, and the order it comes in."""

import numpy as np
from tests.data.split.worlds import places, samples

from smalti.data.split import split


def test_order_of_files_says_nothing_about_the_split():
    """Frames of a film lie in order; a test of neighbours only would be no test."""
    source, facts = samples(np.arange(1000), np.zeros(1000), labels=("a",))
    positions = split(source, facts).test
    assert len(positions) == 100
    assert 400 < positions.mean() < 600
    assert (np.diff(positions) > 1).mean() > 0.7


def test_a_chain_of_groups_and_copies_stays_together():
    # group 0 and 1 share picture 7; group 1 and 2 share picture 8: one unit of six samples
    contents = [1, 7, 7, 8, 8, 2, *range(100, 154)]
    groups = [0, 0, 1, 1, 2, 2, *range(100, 154)]
    source, facts = samples(contents, [0] * 60, groups=groups, labels=("a",))
    for seed in range(20):
        part = places(split(source, facts, seed=seed), 60)
        assert len(set(part[:6].tolist())) == 1
        assert "groups together" in split(source, facts, seed=seed).reason


def test_a_large_group_comes_no_earlier_than_a_small_one():
    groups = np.concatenate([np.full(60, 0), np.arange(1, 941)])  # one of sixty beside single ones
    source, facts = samples(np.arange(1000), np.zeros(1000), groups=groups, labels=("a",))
    in_test = sum(0 in groups[split(source, facts, seed=seed).test] for seed in range(100))
    assert 0 < in_test < 30, "about as often as a single one; by its size it would be in nearly all"
