"""The digits that come with scikit-learn."""

import numpy as np
from sklearn.datasets import load_digits

import smalti.data.opening as opening
from smalti.data.decoding.decode import decode


def test_digits_are_scaled_once() -> None:
    source, bunch = opening.open("digits"), load_digits()
    assert (len(source), source.task, source.labels) == (1797, "classify", tuple("0123456789"))
    assert source.targets.tolist() == bunch.target.tolist()
    assert set(source.splits.tolist()) == {-1}
    stacked = np.stack([source.read(i) for i in range(1797)])
    assert stacked.dtype == np.uint8
    assert np.array_equal(stacked, np.rint(bunch.images / 16 * 255))
    assert (stacked.min(), stacked.max()) == (0, 255)
    assert np.array_equal(decode(source.read(7), 1)[0].numpy(), stacked[7])
