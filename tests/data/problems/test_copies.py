"""The same picture twice, under two labels or in two splits; a group in two splits."""

import numpy as np
import pytest
from tests.data.problems.looking import TEST, TRAIN, VAL, kinds, look, noise, only, source_of

from smalti.data.check import check
from smalti.data.source import UNASSIGNED
from smalti.data.split import split


def test_a_copy_in_one_split_is_a_warning():
    pictures = noise(10)
    pictures[4] = pictures[6] = pictures[2]
    problem = only(look(pictures), "duplicate")
    assert (problem.file, problem.others, problem.count) == ("2.png", ("4.png", "6.png"), 3)
    assert problem.cause == "the same picture as 4.png and 1 more"
    assert not problem.fatal


def test_a_copy_under_another_label_is_a_conflict():
    pictures = noise(10)
    pictures[5] = pictures[2]
    found = look(pictures)
    assert kinds(found) == ["duplicate_conflict"]
    assert found.problems[0].cause == "labelled 'a', but the same picture 5.png is labelled 'b'"
    assert found.trainable
    found = look(pictures, [[float(i)] for i in range(10)], task="regress", labels=("age",))
    assert found.problems[0].cause == "labelled 2, but the same picture 5.png is labelled 5"
    found = look(pictures, np.eye(10, 2, k=-4) + np.eye(10, 2), task="multilabel")
    assert only(found, "duplicate_conflict").cause == "labelled [], but the same picture 5.png is labelled ['b']"


def test_conflicts_that_are_no_slips_stop_training():
    pictures, labels = noise(20), ("a", "b", "within")
    targets = np.arange(20) % 2
    targets[18:] = 2
    pictures[18:] = pictures[:2]
    found = look(pictures, targets, labels=labels)
    assert [problem.fatal for problem in found.problems if problem.kind == "duplicate_conflict"] == [True, False, False]
    assert found.problems[0].cause == "4 of 20 pictures are there under another label too, all of 'within' among them"
    for copies, trainable in ((2, True), (3, False)):
        few = pictures[: 20 - copies] + [pictures[i + 1] for i in range(copies)]
        found = look(few, np.eye(20, dtype=int), task="multilabel", labels=tuple(map(str, range(20))))
        assert found.trainable is trainable
    assert look(few, np.arange(20.0)[:, None], task="regress", labels=("age",)).trainable  # measured twice


def test_one_picture_in_several_rows_under_two_labels():
    pictures = noise(10)
    pictures[5] = pictures[2]
    names = [f"{i}.png" for i in range(10)]
    names[5] = names[2]
    problem = only(look(pictures, names=names), "duplicate_conflict")
    assert problem.cause == "named in several rows, labelled 'a' and 'b'"
    assert "labels = a|b" in problem.mend


@pytest.mark.parametrize(
    ("first", "second", "with_test", "fatal", "out", "of"),
    [
        (TRAIN, TEST, True, True, "2.png", "train"),
        (TEST, TRAIN, True, True, "5.png", "train"),
        (VAL, TEST, True, True, "2.png", "val"),
        (TRAIN, VAL, True, False, "5.png", "val"),
        (TRAIN, VAL, False, False, "2.png", "train"),  # val serves as the test
    ],
)
def test_a_copy_in_two_splits_is_a_leak(first, second, with_test, fatal, out, of):
    """What the check says will be left out is what the split leaves out."""
    pictures = noise(12)
    pictures[5] = pictures[2]
    splits = [TRAIN] * 8 + [VAL] * 2 + [TEST if with_test else TRAIN] * 2
    splits[2], splits[5] = first, second
    source = source_of(pictures, np.array([0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1]), splits=splits)
    found = check(source)
    leak = only(found, "leak")
    assert (leak.file, leak.fatal, leak.count) == (out, fatal, 2)
    assert leak.mend.startswith(f"remove it from {of}")
    assert ("--leaks drop" in leak.mend) == fatal
    assert found.trainable is not fatal
    assert [source.names[i] for i in split(source, found.facts).dropped] == [out]


def test_a_copy_that_leaks_and_lies_is_told_twice():
    pictures = noise(12)
    pictures[11] = pictures[2]
    assert kinds(look(pictures, splits=[TRAIN] * 8 + [TEST] * 4)) == ["leak", "duplicate_conflict"]


def test_samples_without_split_beside_train_do_not_leak():
    pictures = noise(12)
    pictures[10] = pictures[2]
    assert kinds(look(pictures, splits=[TRAIN] * 8 + [UNASSIGNED] * 4)) == ["duplicate"]


def test_a_group_in_two_splits_is_a_leak():
    found = look(noise(12), splits=[TRAIN] * 6 + [VAL] * 2 + [TEST] * 4, groups=[0, 0, 1, 2, 3, 4, 5, 5, 0, 1, 8, 9])
    leak = only(found, "leak")
    assert (leak.file, leak.others, leak.count, leak.fatal) == ("0.png", ("1.png", "2.png"), 3, True)
    assert "2 of the groups in train" in leak.cause
    assert kinds(look(noise(12), groups=np.arange(12) // 3)) == []
