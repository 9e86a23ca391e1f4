"""Splits as a whole: disjoint, without leaks, the same for any order and names; and parts of one for less training."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.split.worlds import TEST, TRAIN, places, samples, worlds

from smalti.data.facts import Facts, Failure
from smalti.data.source import UNASSIGNED, Source
from smalti.data.split import split
from smalti.errors import InputError


@settings(max_examples=100)
@given(worlds(), st.integers(0, 5))
def test_disjoint_complete_and_without_leaks(world, seed):
    source, facts = world
    try:
        found = split(source, facts, seed=seed)
    except InputError:
        assert not facts.readable.any()
        return
    part = places(found, len(source))
    assert not facts.readable.all() or len(found.dropped) == (part == UNASSIGNED).sum()
    outside = np.union1d(found.dropped, np.flatnonzero(~facts.readable))
    np.testing.assert_array_equal(np.flatnonzero(part == UNASSIGNED), outside)
    for ids in (facts.contents, source.groups):
        if ids is not None:
            homes = defaultdict(set)
            for i in np.flatnonzero(part != UNASSIGNED):
                homes[ids[i]].add(part[i])
            assert all(len(home) == 1 for home in homes.values()), "no content and no group is in two splits"
    given_test = facts.readable & (source.splits == TEST)
    assert (part[given_test] == TEST).all(), "a given test is never changed"
    if not (source.splits > TRAIN)[facts.readable].any():
        assert not len(found.dropped), "a split that is made leaves nothing out"


@settings(max_examples=60)
@given(worlds(), st.randoms(use_true_random=False))
def test_order_and_names_do_not_matter(world, random):
    source, facts = world
    order = list(range(len(source)))
    random.shuffle(order)
    shuffled = Source(
        name="renamed",
        task=source.task,
        labels=source.labels,
        names=[f"x{i}" for i in range(len(order))],
        targets=source.targets[order],
        splits=source.splits[order],
        storage=source.storage,
        groups=None if source.groups is None else 1000 - 7 * source.groups[order],
    )
    rows = ("readable", "hashes", "sizes", "bands", "bits", "peaks", "lows", "formats")
    moved = Facts(
        **{name: getattr(facts, name)[order] for name in rows},
        sampled=facts.sampled,
        moments=facts.moments,
        failures=dict.fromkeys(np.flatnonzero(~facts.readable[order]).tolist(), Failure("damaged", "remove it")),
    )
    try:
        before = split(source, facts, seed=3)
    except InputError:
        with pytest.raises(InputError):
            split(shuffled, moved, seed=3)
        return
    np.testing.assert_array_equal(places(before, len(order))[order], places(split(shuffled, moved, seed=3), len(order)))


def test_seeds_differ_and_one_seed_does_not():
    source, facts = samples(np.arange(400), np.arange(400) % 4)
    first, again, other = (split(source, facts, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.test, again.test)
    assert first.reason == again.reason
    # by chance a tenth of one test is in the other
    assert len(np.intersect1d(first.test, other.test)) < 16
    assert [len(first.train), len(first.val), len(first.test)] == [320, 40, 40]


def test_unreadable_samples_are_in_no_split():
    source, facts = samples(np.arange(50), np.arange(50) % 2, unreadable=range(0, 50, 5))
    found = split(source, facts)
    everything = np.concatenate([found.train, found.val, found.test])
    assert sorted(everything) == [i for i in range(50) if i % 5]
    assert not len(found.dropped), "what cannot be read is the check's to name"


@settings(max_examples=60)
@given(worlds(), st.integers(0, 5))
def test_a_fraction_is_a_part_of_a_larger_one_and_leaves_test_alone(world, seed):
    source, facts = world
    try:
        before = split(source, facts, seed=seed)
    except InputError:
        return
    for fraction in (0.8, 0.3, 0.01):
        found = split(source, facts, seed=seed, fraction=fraction)
        part = places(found, len(source))
        np.testing.assert_array_equal(found.test, before.test)
        assert np.isin(found.train, before.train).all()
        np.testing.assert_array_equal(found.val, before.val)  # fewer than 100: all are needed
        outside = np.union1d(found.dropped, np.flatnonzero(~facts.readable))
        np.testing.assert_array_equal(np.flatnonzero(part == UNASSIGNED), outside)
        assert len(found.train) or not len(before.train)
        before = found


@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.01, 0.001, 1e-9])
def test_a_fraction_keeps_the_shares_of_the_classes_and_at_least_one_each(fraction):
    sizes = np.array([4000, 1000, 200, 3])
    targets = np.repeat(np.arange(4), sizes)
    splits = np.where(np.arange(len(targets)) % 2, TRAIN, TEST)
    source, facts = samples(np.arange(len(targets)), targets, splits=splits)
    whole, found = (split(source, facts, fraction=share) for share in (1.0, fraction))
    before, counts = (np.bincount(targets[parts.train], minlength=4) for parts in (whole, found))
    assert (counts >= 1).all()
    assert (abs(counts - np.maximum(before * fraction, 1)) <= 0.5).all()
    assert len(found.train) + len(found.val) + len(found.test) + len(found.dropped) == len(targets)
    assert f"{fraction:.3g} of train was asked for: {len(found.train):,} of {len(whole.train):,}" in found.reason
    assert len(found.val) == pytest.approx(max(fraction * len(whole.val), 100), abs=2)


def test_a_fraction_of_groups_takes_whole_groups():
    groups = np.repeat(np.arange(200), 5)
    source, facts = samples(np.arange(1000), np.zeros(1000), groups=groups, labels=("a",))
    found = split(source, facts, fraction=0.1)
    assert len(found.train) == 80
    assert len(np.unique(groups[found.train])) == 16


def test_a_fraction_of_numbers_covers_their_range():
    values = np.random.default_rng(0).lognormal(size=(1000, 1))
    source, facts = samples(np.arange(1000), values, task="regress")
    counts = np.histogram(values[split(source, facts, fraction=0.1).train], np.quantile(values, np.linspace(0, 1, 11)))[
        0
    ]
    assert (abs(counts - 8) <= 1).all()


def test_seeds_draw_other_fractions():
    source, facts = samples(np.arange(4000), np.zeros(4000), splits=[TRAIN] * 3000 + [TEST] * 1000, labels=("a",))
    one, other = (split(source, facts, seed=seed, fraction=0.1).train for seed in (0, 1))
    assert len(one) == len(other) == 270
    assert len(np.intersect1d(one, other)) < 60  # 27 by chance


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(fraction):
    source, facts = samples(np.arange(10), np.arange(10) % 2)
    with pytest.raises(InputError, match="fraction"):
        split(source, facts, fraction=fraction)


def test_nothing_readable_is_refused():
    source, facts = samples([1, 2], [0, 1], unreadable=[0, 1])
    with pytest.raises(InputError, match="no readable picture"):
        split(source, facts)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.1), (0.1, float("nan")), (1.0, 0.0)])
def test_shares_that_leave_no_train_are_refused(shares):
    source, facts = samples(np.arange(10), np.arange(10) % 2)
    with pytest.raises(InputError, match="leave nothing to train on"):
        split(source, facts, val=shares[0], test=shares[1])
