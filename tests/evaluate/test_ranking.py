import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from smalti.evaluate.ranking import average_precision, macro, roc_area

cases = st.integers(2, 40).flatmap(
    lambda n: st.tuples(arrays(float, n, elements=st.integers(0, 6)), arrays(bool, n)).filter(
        lambda c: 0 < c[1].sum() < len(c[1])
    )
)


@given(cases)
@settings(max_examples=150)
def test_equal_to_sklearn_with_many_ties(case):
    scores, truth = case
    assert roc_area(scores, truth)[0] == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert average_precision(scores, truth)[0] == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


@pytest.mark.parametrize("decimals", [8, 1])  # 1: most scores are tied
@pytest.mark.parametrize(
    ("figure", "reference"), [(roc_area, roc_auc_score), (average_precision, average_precision_score)]
)
def test_influence_is_the_derivative_by_the_weight_of_a_sample(figure, reference, decimals):
    rng = np.random.default_rng(0)
    truth = rng.random(30) < 0.4
    scores = np.round(truth + rng.normal(size=30), decimals)
    _, influence, _ = figure(scores, truth)
    eps = 1e-5
    for i in range(30):
        up, down = (reference(truth, scores, sample_weight=1 + s * eps * (np.arange(30) == i)) for s in (1, -1))
        assert influence[i] == pytest.approx((up - down) / (2 * eps), abs=1e-6)


@pytest.mark.parametrize("figure", [roc_area, average_precision])
def test_influences_sum_to_nothing(figure):
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.3
    assert figure(rng.normal(size=200), truth)[1].sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("decimals", [8, 1])
@pytest.mark.parametrize("figure", [roc_area, average_precision])
def test_the_bias_is_that_of_the_jackknife(figure, decimals):
    rng = np.random.default_rng(2)
    truth = np.arange(400) < 12
    scores = np.round(truth + rng.normal(size=400), decimals)
    value, _, bias = figure(scores, truth)
    change = np.array([figure(np.delete(scores, i), np.delete(truth, i))[0] - value for i in range(400)])
    jackknife = sum((kind.sum() - 1) * change[kind].mean() for kind in (truth, ~truth))
    assert bias == pytest.approx(jackknife, rel=0.01, abs=1e-12)


def test_a_single_positive_has_a_bias_where_it_is_not_the_first():
    truth = np.array([False, True, False])
    assert average_precision(np.array([3.0, 2.0, 1.0]), truth)[2] == 0.5  # without itself its precision is 0
    assert average_precision(np.array([2.0, 3.0, 1.0]), truth)[2] == 0


@pytest.mark.parametrize("figure", [roc_area, average_precision])
def test_labels_that_share_their_pictures_are_no_more_certain_together(figure):
    rng = np.random.default_rng(3)
    truth = rng.random((100, 1)) < 0.3
    scores = truth + rng.normal(size=(100, 1))
    one, many = (macro(figure, lambda x, _: (x, x), scores.repeat(k, 1), truth.repeat(k, 1)) for k in (1, 20))
    assert many == pytest.approx(one)
    assert one[2] - one[0] > 0.01
