import time

import numpy as np
import pytest

from smalti.evaluate.class_means import macro_f1
from smalti.evaluate.classify import classification_metrics
from smalti.evaluate.confusion import confusion


def names(classes):
    return [f"class {k}" for k in range(classes)]


def test_the_interval_of_balanced_accuracy_reaches_as_far_up_as_the_normal_one():
    """Where ten of ten are right in every other class, Wilson's have hardly any room above to join."""
    y = np.repeat(np.arange(10), 10)
    guess = np.where((np.arange(100) % 10 == 0) & (y % 2 == 0), 9, y)  # one mistake in every other class
    m = classification_metrics(np.eye(10)[guess], y, names(10))["balanced_accuracy"]
    half = 1.96 * np.sqrt(5 * 0.9 * 0.1 / 10) / 10
    assert m.value == pytest.approx(0.95)
    assert m.high == pytest.approx(0.95 + half, abs=1e-4)
    assert m.low < 0.95 - half - 0.005  # Wilson's are wider there


def test_the_interval_of_macro_f1_has_as_much_room_above_as_below():
    y = np.repeat(np.arange(20), 5)
    guess = np.where(np.arange(100) % 25 == 0, (y + 1) % 20, y)  # four mistakes
    m = classification_metrics(np.eye(20)[guess], y, names(20))["macro_f1"]
    assert m.high == pytest.approx(min(1.0, 2 * m.value - m.low))


def test_the_draws_of_macro_f1_are_those_of_the_whole_table():
    """The cells that hold nothing are drawn as one; here all K x K are drawn one by one."""
    rng = np.random.default_rng(0)
    y = rng.choice(4, 60, p=[0.5, 0.3, 0.2, 0.0])
    guess = np.where(rng.random(60) < 0.7, y, rng.integers(4, size=60))
    counts = confusion(y, guess, 4)
    prior = counts.sum(1) / 60
    wrong = np.outer(prior, np.maximum(prior, 1e-9)) * (1 - np.eye(4))
    chances = counts + 2 * np.diag(prior) + 2 * wrong / wrong.sum()
    drawn = rng.multinomial(60, chances.ravel() / chances.sum(), size=20_000).reshape(-1, 4, 4)
    either = drawn.sum(1) + drawn.sum(2)
    f1 = 2 * np.diagonal(drawn, axis1=1, axis2=2) / np.where(either > 0, either, 1)
    low, _ = np.quantile(f1.sum(1) / (either > 0).sum(1), (0.025, 0.975))
    found = [classification_metrics(np.eye(4)[guess], y, names(4), seed=k)["macro_f1"].low for k in range(20)]
    assert np.mean(found) == pytest.approx(low, abs=0.004)


def test_a_thousand_classes_take_no_time():
    rng = np.random.default_rng(0)
    y = rng.permuted(np.repeat(np.arange(1000), 3))
    guess = np.where(rng.random(3000) < 0.8, y, rng.integers(1000, size=3000))
    start = time.process_time()
    metric = macro_f1(y, guess, 1000, None, 0)
    assert time.process_time() - start < 3  # 50 where each of a million cells is drawn
    assert metric.low < metric.value < metric.high
