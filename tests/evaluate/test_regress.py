import numpy as np
import pytest
from sklearn import metrics as sk

from smalti.errors import InputError
from smalti.evaluate.regress import per_target, regression_metrics


def draw(rng, n, targets=2, offset=0.0):
    y = rng.normal(size=(n, targets)) * np.arange(1, targets + 1) + offset
    return y + rng.normal(size=y.shape) * 0.5, y


@pytest.mark.parametrize("offset", [0.0, 1e6])  # far from zero the variance must not drown in rounding
def test_values_equal_sklearn(offset):
    x, y = draw(np.random.default_rng(0), 300, 3, offset)
    m = regression_metrics(x, y)
    assert m["mae"].value == pytest.approx(sk.mean_absolute_error(y, x))
    assert m["rmse"].value == pytest.approx(sk.root_mean_squared_error(y, x))
    assert m["r2"].value == pytest.approx(sk.r2_score(y, x))
    assert all(v.low < v.value < v.high and v.high - v.low < 0.2 and not v.share for v in m.values())


def test_one_target_may_come_flat():
    x, y = draw(np.random.default_rng(0), 50, 1)
    assert regression_metrics(x[:, 0], y[:, 0]) == regression_metrics(x, y)


def test_a_target_that_never_changes_has_no_r2():
    x, y = draw(np.random.default_rng(0), 50)
    y[:, 1] = 4.0
    m = regression_metrics(x, y)
    assert m["r2"].value == pytest.approx(sk.r2_score(y[:, 0], x[:, 0]))
    assert m["r2"].note == "1 of 2 targets that never change left out"
    assert "r2" not in regression_metrics(x[:, 1], y[:, 1])
    assert per_target(x, y, ["a", "b"])[1]["r2"] is None


def test_several_targets_lead_with_what_has_no_unit():
    x, y = draw(np.random.default_rng(0), 50)
    m = regression_metrics(x, y)
    assert list(m) == ["r2", "mae", "rmse"]
    assert m["mae"].note == m["rmse"].note == "mean over 2 targets, each in its own unit"
    one = regression_metrics(x[:, 0], y[:, 0])
    assert list(one) == ["mae", "rmse", "r2"]
    assert one["mae"].note == ""


def test_one_sample():
    m = regression_metrics([[2.0]], [[5.0]])
    assert set(m) == {"mae", "rmse"}
    assert (m["mae"].value, m["mae"].low, m["mae"].high) == (3.0, None, None)


@pytest.mark.parametrize("n", [5, 10, 20])
def test_intervals_cover_the_truth(n):
    rng = np.random.default_rng(6)
    truth = {"mae": 0.5 * (2 / np.pi) ** 0.5, "rmse": 0.5, "r2": 0.75}
    draws = [regression_metrics(*draw(rng, n, 1)) for _ in range(100)]
    for name, value in truth.items():
        held = np.mean([m[name].low <= value <= m[name].high for m in draws])
        assert held >= 0.9, (name, held)


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ([np.nan], [1.0], "predictions of 1 of 1 samples are not finite"),
        ([1.0], [np.inf], "targets of 1 of 1 samples are not finite"),
        ([1.0, 2.0], [1.0], "do not fit"),
        ([], [], "no samples"),
    ],
)
def test_bad_input_is_named(x, y, says):
    with pytest.raises(InputError, match=says):
        regression_metrics(x, y)
