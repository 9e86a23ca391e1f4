"""Classes, labels and numbers in every split as they are in all."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.split.worlds import TEST, TRAIN, VAL, places, samples

from smalti.data.split import split


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 120), min_size=1, max_size=6),
    st.integers(0, 9),
    st.sampled_from([(0.1, 0.1), (0.2, 0.0), (0.0, 0.3), (0.25, 0.5), (0.0, 0.0)]),
)
def test_classes_are_divided_to_the_rounding(sizes, seed, shares):
    val, test = shares
    targets = np.repeat(np.arange(len(sizes)), sizes)
    source, facts = samples(np.arange(len(targets)), targets)
    part = places(split(source, facts, seed=seed, val=val, test=test), len(targets))
    for k, n in enumerate(sizes):
        counts = np.bincount(part[targets == k], minlength=3)
        assert counts[TRAIN] >= 1
        for place, share in ((VAL, val), (TEST, test)):
            if not share:
                assert counts[place] == 0
            elif n >= 3:
                assert counts[place] >= 1
                assert abs(counts[place] - share * n) <= 1
        if n == 2:
            assert counts[TEST] == (test > 0)
            assert counts[VAL] == (val > 0 and test == 0)


def test_multilabel_keeps_rare_labels_in_every_split():
    targets = np.zeros((300, 3))
    targets[:, 0] = 1
    targets[:100, 1] = 1
    targets[:10, 2] = 1
    source, facts = samples(np.arange(300), targets, task="multilabel")
    part = places(split(source, facts), 300)
    for place in (VAL, TEST):
        assert targets[part == place].sum(0).tolist() == [30, 10, 1]


def test_regression_splits_cover_the_range():
    values = np.random.default_rng(0).lognormal(size=(500, 1))
    source, facts = samples(np.arange(500), values, task="regress")
    part = places(split(source, facts), 500)
    edges = np.quantile(values, np.linspace(0, 1, 11))
    for place, expected in ((TRAIN, 40), (VAL, 5), (TEST, 5)):
        counts = np.histogram(values[part == place], edges)[0]
        assert (abs(counts - expected) <= 1).all()
