import numpy as np
import pytest
from sklearn import metrics as sk

from smalti.evaluate.confusion import confusion, per_class


def test_per_class_survives_names_that_mean_something_to_sklearn():
    y, guess = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    rows = per_class(y, guess, ["macro avg", "accuracy", "accuracy"])
    assert [r["label"] for r in rows] == ["macro avg", "accuracy", "accuracy"]
    assert [r["support"] for r in rows] == [2, 1, 1]
    assert [r["recall"] for r in rows] == [0.5, 1.0, 0.0]
    assert rows[1]["precision"] == pytest.approx(1 / 3)
    assert rows[2]["f1"] == 0


def test_confusion_equals_sklearn():
    rng = np.random.default_rng(0)
    y, guess = rng.integers(4, size=100), rng.integers(4, size=100)
    np.testing.assert_array_equal(confusion(y, guess, 5), sk.confusion_matrix(y, guess, labels=range(5)))
