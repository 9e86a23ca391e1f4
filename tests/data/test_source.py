from dataclasses import replace

import numpy as np
import pytest

from smalti.data.source import Source, digest


class Counted:
    def __init__(self):
        self.asked = 0

    def read(self, index):
        return b""

    def fingerprint(self):
        self.asked += 1
        return "1"


@pytest.fixture
def source():
    splits = np.array([0, 0, 2], np.int8)
    return Source("set", "classify", ("a", "b"), ["0", "1", "2"], np.array([0, 1, 1]), splits, Counted())


@pytest.mark.parametrize(
    "change",
    [
        {"task": "regress"},
        {"labels": ("a", "c")},
        {"names": ["0", "1", "3"]},
        {"targets": np.array([1, 1, 0])},
        {"splits": np.array([0, 1, 2], np.int8)},
        {"groups": np.array([0, 0, 1])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_fingerprint_follows_all_that_is_learned_from(source, change):
    assert replace(source, **change).fingerprint != source.fingerprint
    assert replace(source, name="other").fingerprint == source.fingerprint


def test_of_what_has_been_looked_at_the_content_counts_not_what_stands_for_it(source):
    seen = replace(source, hashes=np.arange(48, dtype=np.uint8).reshape(3, 16))
    assert seen.fingerprint != replace(seen, hashes=seen.hashes[::-1]).fingerprint
    assert seen.fingerprint != replace(seen, targets=np.array([1, 1, 0])).fingerprint
    assert seen.fingerprint == replace(seen, names=["3", "4", "5"], storage=None).fingerprint


def test_the_storage_is_asked_once(source):
    assert source.stored == source.stored == "1"
    assert source.fingerprint == source.fingerprint
    assert source.storage.asked == 1


def test_a_digest_is_of_each_part():
    assert digest(["ab", b"c"]) == digest([b"ab", "c"]) != digest(["a", "bc"])
