"""The mirror test says no where left and right mean something, and yes where they do not."""

import numpy as np
import pytest

from smalti import data
from smalti.data.preprocess import Preprocess
from smalti.data.source import UNASSIGNED, Source
from smalti.recipes.mirror import MirrorTest, mirror_test


class Arrays:
    def __init__(self, pictures):
        self.pictures = pictures

    def read(self, index):
        return self.pictures[index]

    def fingerprint(self):
        return "arrays"


def source(pictures, targets, classes):
    n = len(pictures)
    names, splits = [f"{i}" for i in range(n)], np.full(n, UNASSIGNED, np.int8)
    return Source("made", "classify", tuple("abcdefgh"[:classes]), names, targets, splits, Arrays(pictures))


def judge(made):
    rule = Preprocess((16, 16), 1, (0.5,), (0.25,))
    return mirror_test(made, np.arange(len(made)), rule)


def blobs(n: int, where, seed: int = 0):
    """Pictures of noise with a bright spot whose place, as (row, column), is `where(class)`."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 4
    pictures = rng.integers(0, 120, (n, 16, 16), np.uint8)
    for i, target in enumerate(targets):
        row, column = where(int(target), rng)
        pictures[i, row : row + 4, column : column + 4] += 110
    return pictures, targets.astype(np.int64)


def test_digits_must_not_be_mirrored():
    result = judge(data.open("digits"))
    assert result.harms
    assert result.plain > 0.9
    assert "after learning mirrored ones" in str(result)


def test_classes_told_by_left_and_right_must_not_be_mirrored():
    assert judge(source(*blobs(400, lambda target, rng: (6, 3 * target)), 4)).harms


def test_classes_told_by_height_may_be_mirrored():
    assert not judge(source(*blobs(400, lambda target, rng: (3 * target, int(rng.integers(0, 12)))), 4)).harms


def test_it_judges_pictures_that_it_has_not_learned_from():
    rng = np.random.default_rng(0)
    noise = source(rng.integers(0, 256, (200, 16, 16), np.uint8), rng.integers(0, 4, 200), 4)
    assert judge(noise).plain < 0.5  # a quarter by chance


def test_it_reads_no_longer_than_it_may():
    digits, rule = data.open("digits"), Preprocess((16, 16), 1, (0.5,), (0.25,))
    short = mirror_test(digits, np.arange(len(digits)), rule, seconds=0)
    assert short.n < judge(digits).n == len(digits)


def test_it_is_a_function_of_the_data():
    made = source(*blobs(300, lambda target, rng: (3 * target, 5)), 4)
    assert judge(made) == judge(made)


@pytest.mark.parametrize(
    ("lost", "gained", "harms"), [(0, 0, False), (9, 0, False), (40, 30, False), (30, 2, True), (200, 150, False)]
)
def test_small_or_doubtful_losses_are_no_harm(lost, gained, harms):
    assert MirrorTest(1000, 0.9, lost, gained).harms == harms
