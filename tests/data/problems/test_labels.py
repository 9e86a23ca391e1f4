"""Answers that are likely to be something else than they are taken for."""

import numpy as np
import pytest
from tests.data.problems.looking import kinds, look, noise, only

from smalti.data.check import check
from smalti.data.formats.arrays import array_source
from smalti.data.source import UNASSIGNED


@pytest.mark.parametrize(
    ("labels", "n", "warned"),
    [
        (("0.5", "1"), 8, True),
        (("0,5", "-3"), 8, True),
        (("0", "1"), 8, False),
        (("0.5", "a"), 8, False),
        (tuple(map(str, range(30))), 60, True),
        (tuple(map(str, range(30))), 120, False),
    ],
)
def test_classes_that_may_be_amounts(labels, n, warned):
    found = look(noise(n), np.arange(n) % len(labels), labels=labels)
    assert ("odd_label" in kinds(found)) is warned
    assert found.trainable


@pytest.mark.parametrize(
    ("labels", "cause"),
    [
        (("red, round", "b"), "no picture has two labels, but some have commas, as 'red, round'"),
        (("red", "red round", "round"), "no picture has two labels, but some have spaces, as 'red round'"),
        (("red", "red round", "b"), "no picture has two labels"),
        (("a", "b"), "no picture has two labels"),
    ],
)
def test_labels_that_may_be_several(labels, cause):
    problem = only(look(noise(6), np.eye(6, len(labels)), task="multilabel", labels=labels), "odd_label")
    assert (problem.cause, problem.fatal) == (cause, False)
    assert "--task classify" in problem.mend
    assert kinds(look(noise(6), np.ones((6, len(labels))), task="multilabel", labels=labels)) == []


def test_a_single_label_is_never_one_of_two():
    assert "odd_label" not in kinds(look(noise(6), np.eye(6, 1), task="multilabel", labels=("sick",)))


@pytest.mark.parametrize(
    ("labels", "task", "warned"),
    [
        (("Cat", "Dog", "cat", "dog"), "classify", 2),
        (("Cat", "cat"), "multilabel", 1),
        (("Straße", "Strasse"), "classify", 1),
        (("cat", "cats"), "classify", 0),
        (("A", "a"), "classify", 0),  # letters, to be read
    ],
)
def test_labels_that_are_alike(labels, task, warned):
    n, k = 8, len(labels)
    targets = np.arange(n) % k if task == "classify" else np.eye(k)[np.arange(n) % k]
    found = look(noise(n), targets, task=task, labels=labels)
    assert sum("differ in capital letters alone" in problem.cause for problem in found.problems) == warned
    assert found.trainable


@pytest.mark.parametrize(
    ("values", "name", "warned"),
    [
        ((0, 1), "target", True),
        ((1, 2, 3, 4, 5), "target", True),
        ((0, 1), "target_x", False),  # which --task classify does not read
        ((0, 0.5), "target", False),
        (range(11), "target", False),
        ((7,), "target", False),
    ],
)
def test_targets_that_may_be_classes(values, name, warned):
    targets = [[float(value)] for value in values] * 2
    found = look(noise(len(targets)), targets, task="regress", labels=(name,))
    assert ("odd_label" in kinds(found)) is warned
    if warned:
        assert only(found, "odd_label").mend == "if they are classes, give --task classify, or call the column label"


@pytest.mark.parametrize(
    ("answers", "mend"),
    [
        ([0.0, 1.0] * 30, "if they are classes, give --task classify, or store them as integers"),
        ([0, 1] * 30, None),
        (range(-30, 30), "if they are amounts, store them as floats, or give --task regress"),
        (np.arange(-30.0, 30), None),
    ],
)
def test_of_answers_in_arrays_the_type_is_to_be_changed(answers, mend):
    found = check(array_source("x.npz", {UNASSIGNED: (np.stack(noise(60)), np.asarray(answers))}))
    assert [problem.mend for problem in found.problems if problem.kind == "odd_label"] == ([mend] if mend else [])
