"""Arrays as a source: what the answers are taken for."""

import numpy as np
import pytest

from smalti.data.formats.arrays import Stacks, array_source
from smalti.errors import InputError

X = np.random.default_rng(0).integers(0, 256, (4, 3, 5)).astype(np.uint8)


@pytest.mark.parametrize(
    ("answers", "task", "labels", "targets"),
    [
        ([3, 1, 3, 10], "classify", ("1", "3", "10"), [1, 0, 1, 2]),
        ([[3], [1], [3], [10]], "classify", ("1", "3", "10"), [1, 0, 1, 2]),
        (["b", "a", "b", "b"], "classify", ("a", "b"), [1, 0, 1, 1]),
        ([b"b", b"a", b"b", b"b"], "classify", ("a", "b"), [1, 0, 1, 1]),
        ([[0, 1], [1, 0], [0, 1], [0, 1]], "classify", ("0", "1"), [1, 0, 1, 1]),
        ([[0, 1], [1, 1], [0, 0], [0, 1]], "multilabel", ("0", "1"), [[0, 1], [1, 1], [0, 0], [0, 1]]),
        ([0.5, 1, 2, 3], "regress", ("target",), [[0.5], [1], [2], [3]]),
        ([[1, 2], [3, 4], [5, 6], [7, 8]], "regress", ("target_0", "target_1"), [[1, 2], [3, 4], [5, 6], [7, 8]]),
    ],
)
def test_answers_say_the_task(answers: list[object], task: str, labels: tuple[str, ...], targets: list[object]) -> None:
    source = array_source("x", {-1: (X, np.asarray(answers))})
    assert (source.task, source.labels, source.targets.tolist()) == (task, labels, targets)


def test_the_task_can_be_said() -> None:
    assert array_source("x", {0: (X, np.arange(4))}, "regress").targets.tolist() == [[0], [1], [2], [3]]
    assert array_source("x", {0: (X, np.arange(4.0))}, "classify").labels == ("0", "1", "2", "3")
    assert array_source("x", {0: (X, np.eye(4, dtype=int))}, "multilabel").targets.shape == (4, 4)
    with pytest.raises(InputError, match="not whole numbers"):
        array_source("x", {0: (X, np.arange(4) + 0.5)}, "classify")
    with pytest.raises(InputError, match="not whole numbers"):
        array_source("x", {0: (X, np.asarray([0, np.inf, 1, 0]))}, "classify")
    with pytest.raises(InputError, match=r"row 1 .* has 0 labels .*.2 rows.*train with --task multilabel"):
        array_source("x", {0: (X, np.asarray([[0, 1], [0, 0], [1, 1], [1, 0]]))}, "classify")
    with pytest.raises(InputError, match="other than 0 and 1"):
        array_source("x", {0: (X, np.arange(4))}, "multilabel")
    with pytest.raises(InputError, match="answers of type"):
        array_source("x", {0: (X, np.asarray(list("abcd")))}, "regress")


def test_class_names_take_the_place_of_numbers_and_are_sorted() -> None:
    source = array_source("x", {0: (X, np.asarray([0, 1, 2, 1]))}, label_names=["zebra", "ant", "mole"])
    assert source.labels == ("ant", "mole", "zebra")
    assert source.targets.tolist() == [2, 0, 1, 0]
    with pytest.raises(InputError, match="labels 0 to 3 with 3 class names"):
        array_source("x", {0: (X, np.arange(4))}, label_names=["a", "b", "c"])


def test_splits_follow_each_other() -> None:
    source = array_source("x", {2: (X[:1], np.asarray([1])), 0: (X[1:], np.asarray([0, 1, 1]))})
    assert list(source.names) == ["train/00000", "train/00001", "train/00002", "test/00000"]
    assert source.splits.tolist() == [0, 0, 0, 2]
    assert source.targets.tolist() == [0, 1, 1, 1]
    assert np.array_equal(source.read(3), X[0])
    assert np.array_equal(source.read(0), X[1])


def test_channels_first_are_moved_last() -> None:
    source = array_source("x", {0: (np.zeros((2, 3, 8, 9)), np.asarray([0, 1]))})
    assert source.read(0).shape == (8, 9, 3)
    assert any("channels came first" in note for note in source.notes)
    assert array_source("x", {0: (np.zeros((2, 8, 9, 4)), np.asarray([0, 1]))}).read(0).shape == (8, 9, 4)


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ((7, 32, 32), (32, 32, 7)),  # a square behind fewer channels
        ((2, 32, 32), (32, 32, 2)),
        ((32, 32, 7), (32, 32, 7)),
        ((7, 32, 40), (7, 32, 40)),
        ((64, 32, 32), (64, 32, 32)),
        ((9, 9, 9), (9, 9, 9)),
        ((2, 3, 3), (2, 3, 3)),
    ],
)
def test_any_number_of_channels_before_a_square_is_moved_last(stored: tuple[int, ...], read: tuple[int, ...]) -> None:
    source = array_source("x", {0: (np.arange(2 * np.prod(stored)).reshape(2, *stored), np.asarray([0, 1]))})
    assert np.shape(source.read(0)) == read
    assert bool(source.notes) == (stored != read)


@pytest.mark.parametrize(
    ("pictures", "answers", "what"),
    [
        (np.zeros((4, 784)), np.arange(4), r"pictures of shape \(4, 784\).*reshape it to \(N, 28, 28"),
        (np.zeros((4, 3, 3), object), np.arange(4), "type object"),
        (X, np.arange(3), "4 pictures and answers of shape"),
        (X, np.zeros((4, 1, 1)), "answers of shape"),
        (X, np.asarray([1, 2, np.nan, 3.0]), "1 targets are not finite numbers .the first is that of sample 2"),
        (X[:0], np.arange(0), "no pictures found"),
    ],
)
def test_what_does_not_fit(pictures: np.ndarray, answers: np.ndarray, what: str) -> None:
    with pytest.raises(InputError, match=what):
        array_source("x", {0: (pictures, answers)})


def test_splits_with_different_answers() -> None:
    with pytest.raises(InputError, match="answers of different shapes"):
        array_source("x", {0: (X, np.zeros((4, 2))), 2: (X, np.zeros((4, 3)))})
    with pytest.raises(InputError, match="class '9' occurs only in test"):
        array_source("x", {0: (X, np.arange(4)), 2: (X, np.asarray([0, 1, 2, 9]))})


def test_the_fingerprint_follows_every_byte() -> None:
    other = X.copy()
    other[3, 2, 4] ^= 1
    prints = [Stacks((a,)).fingerprint() for a in (X, other, X.reshape(4, 5, 3), X.view(np.int8), X.transpose(0, 2, 1))]
    assert len(set(prints)) == 5
    assert Stacks((X.copy(),)).fingerprint() == prints[0]
