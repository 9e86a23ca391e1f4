"""Splits that the data gives: kept, completed, and rid of leaks."""

from pathlib import Path

import numpy as np
import pytest
from tests.data.split.worlds import TEST, TRAIN, VAL, samples

from smalti.data.facts import gather
from smalti.data.opening import open as open_data
from smalti.data.source import SPLITS, UNASSIGNED
from smalti.data.split import split

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


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


def test_pneumoniamnist_val_loses_its_copies_of_train():
    path = SHARED / "pneumoniamnist.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    source = open_data(path)
    found = split(source, gather(source, cached=False))
    assert [len(found.train), len(found.val), len(found.test)] == [4708, 516, 624]
    assert (source.splits[found.dropped] == SPLITS.index("val")).all()
    assert len(found.dropped) == 8
