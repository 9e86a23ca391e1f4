"""Too little to learn from or to judge by."""

import numpy as np
import pytest
from tests.data.problems.looking import TEST, TRAIN, kinds, look, noise


def test_classes():
    found = look(noise(6), np.zeros(6, int), labels=("a",))
    assert (kinds(found), found.trainable) == (["one_class"], False)
    found = look(noise(6), np.zeros(6, int))
    assert kinds(found) == ["one_class", "empty_class"]
    found = look(noise(6), [0, 1, 0, 1, 0, 1], labels=("a", "b", "c"))
    assert (kinds(found), found.trainable) == (["empty_class"], True)
    assert "'c'" in found.problems[0].cause
    found = look(noise(6), [0, 0, 0, 1, 1, 2], labels=("a", "b", "c"))
    assert (kinds(found), found.trainable) == (["few"], True)
    found = look(noise(3), [0, 1, 2], labels=("a", "b", "c"))
    assert found.problems[0].cause == "no class has two pictures, so nothing is left to test on"
    assert not found.trainable


def test_classes_across_splits():
    labels, splits = ("a", "b", "c"), [TRAIN] * 6 + [TEST] * 3
    found = look(noise(9), [0, 1, 0, 1, 0, 1, 0, 1, 2], labels=labels, splits=splits)
    assert (kinds(found), found.trainable) == (["unseen_class"], False)
    assert "'c' is in test but not in train" in found.problems[0].cause
    found = look(noise(9), [0, 1, 0, 1, 2, 2, 0, 1, 0], labels=labels, splits=splits)
    assert (kinds(found), found.trainable) == (["empty_class"], True)
    assert "'c' has no picture in test" in found.problems[0].cause


def test_an_unreadable_class_is_empty():
    found = look([*noise(6), b"", b""], [0, 1, 0, 1, 0, 1, 2, 2], labels=("a", "b", "c"))
    assert [problem.kind for problem in found.problems] == ["unreadable", "unreadable", "empty_class"]


@pytest.mark.parametrize(("most", "warned"), [(20, True), (19, False)])
def test_imbalance(most, warned):
    found = look(noise(most + 2), [0] * most + [1] * 2)
    assert ("imbalance" in kinds(found)) is warned
    assert found.imbalance == most / 2


def test_targets_that_never_change():
    rows = [[1.0, float(i)] for i in range(6)]
    found = look(noise(6), rows, task="regress", labels=("a", "b"))
    assert (kinds(found), found.trainable) == (["constant"], True)
    found = look(noise(6), [[1.0]] * 6, task="regress", labels=("a",))
    assert (kinds(found), found.trainable) == (["constant"], False)
    found = look(noise(6), np.zeros((6, 2)), task="multilabel")
    assert not found.trainable
    assert found.problems[0].kind == "one_class"
