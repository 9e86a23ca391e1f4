"""Samples of one group are alike: the intervals know it."""

import numpy as np
import pytest

from smalti.evaluate.classify import classification_metrics, share
from smalti.evaluate.confusion import per_class
from smalti.evaluate.groups import design_effect, groups_of
from smalti.evaluate.intervals import wilson
from smalti.evaluate.multilabel import multilabel_metrics, per_label
from smalti.evaluate.regress import regression_metrics


def hits(rng, groups, size, accuracy=0.8, alike=0.09):
    """Right and wrong answers, of an intra-class correlation `alike`."""
    odds = 1 / alike - 1
    return rng.random((groups, size)) < rng.beta(accuracy * odds, (1 - accuracy) * odds, (groups, 1))


@pytest.mark.parametrize(
    ("groups", "size", "accuracy", "alike"),
    [(40, 25, 0.8, 0.09), (30, 50, 0.8, 0.09), (176, 3, 0.95, 0.8), (40, 25, 0.99, 0.3), (12, 20, 0.8, 0.3)],
)
def test_the_interval_of_a_share_covers_the_truth(groups, size, accuracy, alike):
    """As independent pictures they would be caught in 0.34 to 0.80 of the draws."""
    rng, places = np.random.default_rng(0), np.repeat(np.arange(groups), size)
    drawn = [share(hits(rng, groups, size, accuracy, alike).ravel(), places) for _ in range(300)]
    assert np.mean([m.low <= accuracy <= m.high for m in drawn]) >= 0.91
    assert np.mean([m.high - m.low for m in drawn]) < 0.3


def classified(rng, groups, size):
    """Probabilities, targets, groups: what a patient looks like pulls all of his pictures."""
    places = np.repeat(np.arange(groups), size)
    y = rng.integers(4, size=len(places))
    logits = rng.normal(size=(len(places), 4)) + 1.2 * rng.normal(size=(groups, 4))[places] + 2.5 * np.eye(4)[y]
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True), y, places


def labelled(rng, groups, size):
    places = np.repeat(np.arange(groups), size)
    y = rng.random((len(places), 3)) < 0.3
    logits = 4.0 * y - 2 + rng.normal(size=y.shape) + 1.5 * rng.normal(size=(groups, 3))[places]
    return 1 / (1 + np.exp(-logits)), y.astype(float), places


def measured(rng, groups, size):
    places = np.repeat(np.arange(groups), size)
    y = rng.normal(size=(len(places), 2))
    return y + 0.3 * rng.normal(size=y.shape) + 0.6 * rng.normal(size=(groups, 2))[places], y, places


def classify(x, y, **options):
    return classification_metrics(x, y, list("abcd"), **options)


KINDS = {
    "classify": (classified, classify),
    "multilabel": (labelled, multilabel_metrics),
    "regress": (measured, regression_metrics),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_interval_is_wider_and_says_the_groups(kind):
    draw, metrics = KINDS[kind]
    x, y, places = draw(np.random.default_rng(2), 30, 20)
    alone, together = metrics(x, y), metrics(x, y, groups=1000 - places)
    for name, metric in together.items():
        before = alone[name]
        assert metric.value == before.value
        if name != "hamming_loss":  # whose interval is that of a share, too wide already
            assert metric.high - metric.low > 1.2 * (before.high - before.low), name
        assert metric.to_dict() | {"low": 0, "high": 0} == before.to_dict() | {"low": 0, "high": 0, "groups": 30}
        assert "n = 600 in 30 groups" in str(metric)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_of_one_change_nothing(kind):
    draw, metrics = KINDS[kind]
    x, y, _ = draw(np.random.default_rng(0), 10, 3)
    assert metrics(x, y, groups=np.arange(30)[::-1]) == metrics(x, y)


@pytest.mark.parametrize("kind", KINDS)
def test_one_group_tells_next_to_nothing(kind):
    draw, metrics = KINDS[kind]
    x, y, places = draw(np.random.default_rng(0), 1, 40)
    found = metrics(x, y, groups=places)
    for metric in found.values():
        assert metric.low is None or metric.high - metric.low > 0.5
        assert "in 1 group" in str(metric)


def test_without_a_mistake_the_groups_are_what_counts():
    right = share(np.ones(528, bool), np.repeat(np.arange(176), 3))
    low, _ = wilson(1.0, 176)
    assert right.high == 1
    assert right.low == pytest.approx(low, abs=5e-4)
    assert design_effect(np.zeros(6), None) == 1


def test_groups_that_are_no_more_alike_than_strangers_cost_little():
    rng = np.random.default_rng(0)
    effects = [design_effect(rng.normal(size=1000), np.repeat(np.arange(100), 10)) for _ in range(50)]
    assert min(effects) >= 1
    assert np.mean(effects) < 1.2


def test_the_recall_of_a_class_has_an_effect_of_its_own():
    y, groups = np.repeat([0, 1, 2], 20), np.repeat(np.arange(12), 5)
    guess = np.where(groups == 1, 1, y)  # all of one group of the first class
    rows = per_class(y, guess, list("abcd"), groups=groups)
    assert rows[0]["design_effect"] > 4
    assert "design_effect" not in rows[3]  # nothing is of it
    assert "design_effect" not in per_class(y, guess, list("abcd"))[0]
    many = per_label(np.eye(3)[guess], np.eye(3)[y], list("abc"), groups=groups)
    assert [row["design_effect"] for row in many] == [row["design_effect"] for row in rows[:3]]


def test_any_numbers_name_groups():
    np.testing.assert_array_equal(groups_of(np.array([70, -1, 70])), [1, 0, 1])
    assert groups_of(np.array([3, 1])) is None
    assert groups_of(None) is None
