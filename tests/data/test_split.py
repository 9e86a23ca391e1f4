from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.data.facts import Facts, Failure, gather
from smalti.data.opening import open as open_data
from smalti.data.source import SPLITS, UNASSIGNED, Source
from smalti.data.split import Split, split
from smalti.errors import InputError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
TRAIN, VAL, TEST = range(3)


class Nowhere:
    """A storage that must not be touched: a split is made from facts alone."""

    def read(self, index):
        raise AssertionError("a split reads no picture")

    def fingerprint(self):
        raise AssertionError("a split reads no picture")


def samples(contents, targets, *, splits=None, groups=None, task="classify", labels=None, unreadable=(), names=None):
    """A source and its facts; equal numbers in `contents` stand for equal pictures."""
    n = len(contents)
    targets = np.asarray(targets, np.int64 if task == "classify" else np.float32)
    if labels is None:
        count = int(targets.max()) + 1 if task == "classify" else targets.shape[1]
        labels = tuple(f"class {k}" for k in range(count))
    source = Source(
        name="set",
        task=task,
        labels=labels,
        names=names or [f"{i:05d}.png" for i in range(n)],
        targets=targets,
        splits=np.full(n, UNASSIGNED, np.int8) if splits is None else np.asarray(splits, np.int8),
        storage=Nowhere(),
        groups=None if groups is None else np.asarray(groups, np.int64),
    )
    readable = ~np.isin(np.arange(n), list(unreadable))
    words = np.asarray(contents, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    hashes = np.zeros((n, 16), np.uint8)
    hashes[:, :8] = words.view(np.uint8).reshape(n, 8)
    hashes[~readable] = 0
    facts = Facts(
        readable=readable,
        hashes=hashes,
        sizes=np.full((n, 2), 8, np.int32),
        bands=np.ones(n, np.uint16),
        bits=np.full(n, 8, np.uint8),
        peaks=np.zeros(n),
        lows=np.zeros(n),
        formats=np.zeros(n, np.int8),
        sampled=np.arange(min(n, 1)),
        moments=np.zeros((min(n, 1), 2, 1)),
        failures={int(i): Failure("damaged", "remove it") for i in unreadable},
    )
    return source, facts


def places(found: Split, n: int) -> np.ndarray:
    """(n,) the split of each sample, UNASSIGNED where it is in none; fails where it is in two."""
    part = np.full(n, UNASSIGNED)
    for place, members in enumerate((found.train, found.val, found.test)):
        assert members.dtype == np.int64
        assert (np.diff(members) > 0).all(), "sorted, each once"
        assert (part[members] == UNASSIGNED).all(), "disjoint"
        part[members] = place
    assert (part[found.dropped] == UNASSIGNED).all()
    return part


@st.composite
def worlds(draw):
    """Small data sets with duplicates, groups, unreadable pictures and splits that leak."""
    n = draw(st.integers(1, 60))
    contents = draw(st.lists(st.integers(0, 40), min_size=n, max_size=n))
    task = draw(st.sampled_from(["classify", "multilabel", "regress"]))
    if task == "classify":
        targets = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    elif task == "multilabel":
        targets = draw(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=n, max_size=n))
    else:
        targets = [[v, -v] for v in draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))]
    groups = draw(st.none() | st.lists(st.integers(-9, 9), min_size=n, max_size=n))
    given_splits = draw(st.none() | st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    unreadable = draw(st.sets(st.integers(0, n - 1), max_size=min(3, n - 1)))
    labels = tuple("abcd") if task == "classify" else None
    return samples(
        contents, targets, task=task, splits=given_splits, groups=groups, unreadable=unreadable, labels=labels
    )


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


def test_seeds_differ_and_one_seed_does_not():
    source, facts = samples(np.arange(400), np.arange(400) % 4)
    first, again, other = (split(source, facts, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.test, again.test)
    assert first.reason == again.reason
    # by chance a tenth of one test is in the other
    assert len(np.intersect1d(first.test, other.test)) < 16
    assert [len(first.train), len(first.val), len(first.test)] == [320, 40, 40]


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


def test_few_large_groups_still_leave_something_to_test_on():
    groups = np.repeat(np.arange(4), 25)
    source, facts = samples(np.arange(100), groups % 2, groups=groups)
    source4, facts4 = samples(np.arange(100), np.zeros(100), groups=groups, labels=("a",))
    part = places(split(source, facts), 100)
    assert {TRAIN, TEST} == set(part[groups % 2 == 0]) == set(part[groups % 2 == 1])
    assert np.bincount(places(split(source4, facts4), 100)).tolist() == [50, 25, 25]


def test_a_large_group_comes_no_earlier_than_a_small_one():
    groups = np.concatenate([np.full(60, 0), np.arange(1, 941)])  # one of sixty beside single ones
    source, facts = samples(np.arange(1000), np.zeros(1000), groups=groups, labels=("a",))
    in_test = sum(0 in groups[split(source, facts, seed=seed).test] for seed in range(100))
    assert 0 < in_test < 30, "about as often as a single one; by its size it would be in nearly all"


def test_where_groups_are_too_large_the_smallest_are_set_aside():
    groups = np.repeat([0, 1, 2], [900, 60, 40])
    source, facts = samples(np.arange(1000), np.zeros(1000), groups=groups, labels=("a",))
    for seed in range(20):
        found = split(source, facts, seed=seed)
        assert len(found.train) == 900, "the large one teaches, wherever it comes in the order"
        assert {len(found.val), len(found.test)} == {40, 60}


def a_patient_with_all_of_a_class(patient):
    """Forty patients; one alone has class 3 (25 pictures), and a picture of class 2, which is rarer."""
    groups = np.repeat(np.arange(40), 20)
    targets = (np.arange(800) % 20 >= 13).astype(int)
    targets[[1, 41, 81, 121, 161, 201, 241, 281, 321]] = 2
    groups, targets = np.append(groups, [patient] * 26), np.append(targets, [2] + [3] * 25)
    return samples(np.arange(826), targets, groups=groups), targets


@pytest.mark.parametrize("patient", [0, 7, 39, 40])
def test_train_keeps_a_class_that_one_group_with_a_rarer_one_holds(patient):
    (source, facts), targets = a_patient_with_all_of_a_class(patient)
    for seed in range(20):
        whole = split(source, facts, seed=seed)
        for found in (whole, split(source, facts, seed=seed, fraction=0.1)):
            assert (np.bincount(targets[found.train], minlength=4) > 0).all(), f"seed {seed}"
        assert len(whole.test)
        places(whole, 826)


def test_train_keeps_a_label_that_stands_beside_rarer_ones_alone():
    targets = np.zeros((46, 4))
    targets[np.arange(6), np.arange(6) // 2] = 1  # three labels of two pictures,
    targets[[0, 2, 4], 3] = 1  # of which one each has the fourth too
    source, facts = samples(np.arange(46), targets, task="multilabel")
    for seed in range(40):
        assert targets[split(source, facts, seed=seed).train].any(0).all(), f"seed {seed}"


@settings(max_examples=80)
@given(worlds(), st.integers(0, 5))
def test_train_has_every_class_that_the_pool_has_and_names_the_others(world, seed):
    source, facts = world
    if source.task == "regress" or not facts.readable.any():
        return
    has = np.eye(4)[source.targets] if source.task == "classify" else source.targets
    whole = split(source, facts, seed=seed)
    there = set(source.splits[facts.readable].tolist())
    if VAL in there:
        return  # a given val is its own
    pool = np.union1d(whole.train, whole.val) if TEST in there else whole.all
    for found in (whole, split(source, facts, seed=seed, fraction=0.2)):
        learned = has[found.train].any(0)
        np.testing.assert_array_equal(learned, has[pool].any(0))
        assert ("cannot be learned" in found.reason) == (len(found.train) > 0 and not learned.all())


def test_a_class_of_which_train_loses_all_to_test_is_named():
    source, facts = samples([1, 2, 3, 4, 3, 5], [0, 1, 2, 0, 2, 1], splits=[TRAIN] * 4 + [TEST] * 2)
    found = split(source, facts, val=0.0)
    assert found.train.tolist() == [0, 1, 3]
    assert "; train has nothing of 'class 2', which cannot be learned" in found.reason


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


def test_given_train_and_test_are_kept_and_val_comes_from_train():
    targets = np.arange(1200) % 3
    splits = np.where(np.arange(1200) < 900, TRAIN, TEST)
    source, facts = samples(np.arange(1200), targets, splits=splits)
    found = split(source, facts)
    np.testing.assert_array_equal(found.test, np.arange(900, 1200))
    assert len(found.val) == 90
    assert found.val.max() < 900
    assert "90 of 900 in train are set aside as val" in found.reason


def test_val_from_a_large_train_is_at_most_5000():
    n = 80_000
    source, facts = samples(np.arange(n), np.arange(n) % 2, splits=np.where(np.arange(n) < n - 10, TRAIN, TEST))
    assert len(split(source, facts).val) == 5000


def test_a_given_val_becomes_the_test_and_a_new_val_is_taken():
    splits = np.where(np.arange(500) < 400, TRAIN, VAL)
    source, facts = samples(np.arange(500), np.arange(500) % 2, splits=splits)
    found = split(source, facts)
    np.testing.assert_array_equal(found.test, np.arange(400, 500))
    assert len(found.val) == 40
    assert found.val.max() < 400
    assert "its val is the test" in found.reason


def test_train_alone_is_as_good_as_no_split():
    source, facts = samples(np.arange(100), np.arange(100) % 2, splits=np.full(100, TRAIN))
    free, facts_free = samples(np.arange(100), np.arange(100) % 2)
    np.testing.assert_array_equal(split(source, facts).test, split(free, facts_free).test)


def test_samples_without_a_split_train_where_others_have_one():
    source, facts = samples(np.arange(40), np.arange(40) % 2, splits=[UNASSIGNED] * 30 + [VAL] * 5 + [TEST] * 5)
    np.testing.assert_array_equal(split(source, facts).train, np.arange(30))


def test_copies_in_two_given_splits_are_left_out_and_named():
    #          train          val           test
    contents = [1, 2, 3, 4, 5, 1, 6, 7, 8, 2, 7, 9]
    splits = [TRAIN] * 5 + [VAL] * 4 + [TEST] * 3
    source, facts = samples(contents, [0, 1] * 6, splits=splits)
    found = split(source, facts)
    assert found.test.tolist() == [9, 10, 11], "test is never changed"
    assert found.train.tolist() == [0, 2, 3, 4], "train gives way to test"
    assert found.val.tolist() == [6, 8], "val gives way to train and to test"
    assert found.dropped.tolist() == [1, 5, 7]
    assert "3 left out" in found.reason
    assert "00001.png, 00005.png, 00007.png" in found.reason


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


@pytest.mark.parametrize(
    ("contents", "splits"), [([1, 2], [TEST, TEST]), ([1, 1], [TRAIN, TEST])], ids=["none", "leaked"]
)
def test_data_without_train_can_be_judged_but_not_learned_from(contents, splits):
    parts = split(*samples(contents, [0, 1], splits=splits))
    assert parts.test.tolist() == [i for i, place in enumerate(splits) if place == TEST]
    with pytest.raises(InputError, match="nothing readable to train on"):
        parts.demand_train("set")


def test_all_are_the_readable_samples_in_a_split_or_not():
    source, facts = samples([1, 1, 2, 3, 4], [0, 1, 0, 1, 0], splits=[TRAIN, TEST, TRAIN, TRAIN, TEST], unreadable=[3])
    parts = split(source, facts, val=0.0)
    assert parts.dropped.tolist() == [0]
    assert parts.all.tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.1), (0.1, float("nan")), (1.0, 0.0)])
def test_shares_that_leave_no_train_are_refused(shares):
    source, facts = samples(np.arange(10), np.arange(10) % 2)
    with pytest.raises(InputError, match="leave nothing to train on"):
        split(source, facts, val=shares[0], test=shares[1])


def test_pneumoniamnist_val_loses_its_copies_of_train():
    path = SHARED / "pneumoniamnist.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    source = open_data(path)
    found = split(source, gather(source, cached=False))
    assert [len(found.train), len(found.val), len(found.test)] == [4708, 516, 624]
    assert (source.splits[found.dropped] == SPLITS.index("val")).all()
    assert len(found.dropped) == 8


def test_without_val_train_chooses():
    few = Split(np.arange(5), np.arange(0), np.arange(5, 8), "made")
    assert few.choosing is few.train
    some = Split(np.arange(5), np.arange(5, 7), np.arange(7, 8), "made")
    assert some.choosing is some.val
