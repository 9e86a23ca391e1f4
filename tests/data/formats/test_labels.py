"""Order of classes, words for splits, mapping by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.data.formats.labels import class_targets, in_order, split_of
from smalti.errors import InputError

TRAIN, VAL, TEST, NONE = 0, 1, 2, -1


def splits(*values: int) -> np.ndarray:
    return np.asarray(values, np.int8)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "9", "2", "2"], ("2", "9", "10")),
        (["00010", "00009"], ("00009", "00010")),
        (["-1", "1", "0"], ("-1", "0", "1")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["b", "a", "B"], ("B", "a", "b")),
        (["²", "1"], ("1", "²")),
    ],
)
def test_order(names: list[str], expected: tuple[str, ...]) -> None:
    assert in_order(names) == expected


@given(st.lists(st.text(alphabet="0123456789-a", min_size=1), max_size=12))
def test_order_does_not_depend_on_the_order_given(names: list[str]) -> None:
    assert in_order(names) == in_order(reversed(names))
    assert sorted(in_order(names)) == sorted(set(names))


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("Train", 0),
        ("TRAINING", 0),
        ("valid", 1),
        ("validation", 1),
        (" test ", 2),
        ("cat", None),
        ("test_set", 2),
        ("Trainset", 0),
        ("training data", 0),
        ("val-images", 1),
        ("contest", None),
        ("test_cat", None),
    ],
)
def test_words_for_splits(word: str, split: int | None) -> None:
    assert split_of(word) == split


def test_targets_are_mapped_by_name_whatever_the_split() -> None:
    labels, targets = class_targets(["b", "a", "c", "a"], splits(TRAIN, TRAIN, TRAIN, TEST), "data")
    assert labels == ("a", "b", "c")
    assert [labels[t] for t in targets] == ["b", "a", "c", "a"]


def test_both_spellings_of_an_umlaut_are_one_class() -> None:
    labels, targets = class_targets(["Bu\u0308hne", "B\u00fchne", "a"], splits(TRAIN, TEST, TRAIN), "data")
    assert labels == ("B\u00fchne", "a")
    assert targets.tolist() == [0, 0, 1]


@pytest.mark.parametrize("split", [VAL, TEST])
def test_a_class_outside_training_is_an_error(split: int) -> None:
    with pytest.raises(InputError, match=rf"data: class 'x' occurs only in {('val', 'test')[split - 1]}; add pictures"):
        class_targets(["a", "b", "x"], splits(TRAIN, TRAIN, split), "data")


def test_a_set_without_training_part_keeps_its_classes() -> None:
    assert class_targets(["a", "b"], splits(TEST, TEST), "data")[0] == ("a", "b")
    with pytest.raises(InputError, match="'b' occurs only in test"):
        class_targets(["a", "b"], splits(NONE, TEST), "data")
