import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, t

from smalti.evaluate.intervals import bootstrap_means, expanded, mean_interval, mover, newcombe, wilson


@pytest.mark.parametrize(("right", "n"), [(353, 360), (0, 10), (10, 10), (1, 1), (7, 20), (9999, 10000)])
def test_wilson_equals_scipy(right, n):
    low, high = wilson(right / n, n)
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert low == pytest.approx(expected.low, abs=1e-9)
    assert high == pytest.approx(expected.high, abs=1e-9)


def test_wilson_of_nothing_says_nothing():
    low, high = wilson([0.0, 0.5], [0, 0])
    np.testing.assert_array_equal(low, [0, 0])
    np.testing.assert_array_equal(high, [1, 1])


@given(st.floats(0, 1), st.integers(1, 500), st.integers(1, 500))
def test_newcombe_holds_the_area_and_stays_in_bounds(area, positives, negatives):
    low, high = newcombe(area, positives, negatives)
    assert 0 <= low <= area <= high <= 1
    mirrored = newcombe(1 - area, negatives, positives)
    assert float(mirrored[0]) == pytest.approx(1 - float(high), abs=1e-6)


def test_newcombe_solves_its_equation():
    """(area - theta)^2 = z^2 V(theta) with Hanley and McNeil's V at the mean group size."""
    area, m, n = 0.83, 25, 60
    middle = (m + n) / 2
    for theta in newcombe(area, m, n):
        q1, q2 = theta / (2 - theta), 2 * theta**2 / (1 + theta)
        v = (theta * (1 - theta) + (middle - 1) * (q1 - theta**2) + (middle - 1) * (q2 - theta**2)) / (m * n)
        assert (area - theta) ** 2 == pytest.approx(1.959963984540054**2 * v, rel=1e-6)


def test_mover_of_one_estimate_is_its_own_interval():
    assert mover(np.array([0.5]), np.array([0.3]), np.array([0.9])) == pytest.approx((0.5, 0.3, 0.9))


def test_one_value_has_no_spread():
    assert mean_interval(np.array([0.3])) == (None, None)
    assert bootstrap_means(np.ones((1, 2)), lambda m: m[:, 0]) == (None, None)


def test_bootstrap_of_a_mean_equals_the_normal_interval():
    values = np.random.default_rng(0).exponential(size=2000)
    low, high = bootstrap_means(values[:, None], lambda m: m[:, 0])
    assert (low, high) == pytest.approx(mean_interval(values), abs=0.01)


@pytest.mark.parametrize("n", [5, 10, 30, 1000])
def test_an_expanded_interval_is_as_wide_as_students(n):
    wide = t.ppf(0.975, n - 1) * (n / (n - 1)) ** 0.5
    assert norm.ppf(1 - expanded(n)) == pytest.approx(wide, rel=3e-3)
    assert 0 <= expanded(2) < 1e-9


def test_bootstrap_is_a_function_of_its_seed():
    rows = np.random.default_rng(0).normal(size=(50, 1))
    first, again, other = (bootstrap_means(rows, lambda m: m[:, 0], seed=s) for s in (1, 1, 2))
    assert first == again != other


def test_pseudo_values_widen_only_the_upper_side():
    values = np.full(20, 0.01) + np.linspace(0, 0.001, 20)
    low, high = mean_interval(values)
    wary_low, wary_high = mean_interval(values, extra=[2.3, 2.3])
    assert wary_low == low
    assert wary_high > 10 * high
