"""No label is lost to training that training can have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.split.worlds import TEST, TRAIN, VAL, places, samples, worlds

from smalti.data.split import split


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
