"""Drawing classes evenly: how often, in which order, and that nothing but (seed, epoch) decides it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recipes.test_choose import given as circumstances

from smalti.data.balance import balanced, classes_of, repeats
from smalti.errors import InputError

SEEDS, CLASSES = st.integers(0, 2**63), st.lists(st.integers(0, 5), min_size=1, max_size=60)


@given(SEEDS, st.integers(0, 1000), CLASSES)
def test_classes_come_equally_often_in_any_stretch(seed, epoch, classes):
    classes = np.array(classes)
    order = balanced(seed, epoch, classes)
    assert order.shape == classes.shape
    assert order.dtype == np.int64
    drawn = classes[order]
    for stretch in (drawn, drawn[: len(drawn) // 2], drawn[3:]):
        counts = [(stretch == number).sum() for number in np.unique(classes)]
        assert max(counts) - min(counts) <= 1


@given(SEEDS, CLASSES, st.integers(1, 12))
def test_no_sample_comes_again_before_all_others_of_its_class(seed, classes, epochs):
    classes = np.array(classes)
    drawn = np.concatenate([balanced(seed, epoch, classes) for epoch in range(epochs)])
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        own = drawn[classes[drawn] == number]
        for start in range(0, len(own), len(members)):
            stretch = own[start : start + len(members)]
            assert len(set(stretch.tolist())) == len(stretch)


def test_seeds_epochs_and_classes_have_orders_of_their_own():
    classes = np.repeat([0, 1], 200)
    orders = [balanced(seed, epoch, classes) % 200 for seed in range(2) for epoch in range(2)]
    assert len({tuple(order[turn::2].tolist()) for order in orders for turn in range(2)}) == 8


def test_every_picture_of_a_class_is_drawn_as_often_as_the_next():
    classes = np.array([0] * 90 + [1] * 10)
    counts = sum(np.bincount(balanced(1, epoch, classes), minlength=100) for epoch in range(18))
    assert set(counts[:90].tolist()) == {10}  # 18 epochs of 50
    assert set(counts[90:].tolist()) == {90}


def test_golden():
    classes = np.array([0, 0, 0, 0, 1, 2])
    assert balanced(0, 0, classes).tolist() == [3, 4, 5, 0, 4, 5]
    assert balanced(0, 1, classes).tolist() == [1, 4, 5, 2, 4, 5]


@given(st.lists(st.integers(0, 6), max_size=40))
def test_repeats_count_what_came_before(numbers):
    expected = [numbers[:i].count(number) for i, number in enumerate(numbers)]
    assert repeats(np.array(numbers, np.int64)).tolist() == expected


def test_with_several_labels_the_rarest_decides():
    source = circumstances(n=6).source
    targets = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]], np.float32)
    labelled = replace(source, task="multilabel", targets=targets)
    every = np.arange(6)
    assert classes_of(labelled, every).tolist() == [1, 0, 1 + 1, 3, 1, 3]
    assert classes_of(labelled, every[:3]).tolist() == [1, 0, 2]
    assert classes_of(source, np.array([4, 1])).tolist() == source.targets[[4, 1]].tolist()
    with pytest.raises(InputError, match="numbers have no classes to draw evenly"):
        classes_of(replace(source, task="regress", targets=targets), every)
