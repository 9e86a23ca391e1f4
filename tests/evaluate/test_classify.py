import time

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from smalti.errors import InputError
from smalti.evaluate.classify import classification_metrics


def draw(rng, n, classes, strength, prior=None):
    """Softmax answers of a make-believe model: some pictures are hard, some classes rare."""
    prior = np.arange(1, classes + 1) if prior is None else prior
    targets = rng.choice(classes, n, p=prior / prior.sum())
    logits = rng.normal(size=(n, classes)) * (0.5 + rng.exponential(size=(n, 1)))
    logits[np.arange(n), targets] += strength
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True), targets


def names(classes):
    return [f"class {k}" for k in range(classes)]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_values_equal_sklearn(classes):
    p, y = draw(np.random.default_rng(classes), 500, classes, 2.0)
    guess, m = p.argmax(1), classification_metrics(p, y, names(classes))
    assert m["accuracy"].value == pytest.approx(sk.accuracy_score(y, guess))
    assert m["balanced_accuracy"].value == pytest.approx(sk.balanced_accuracy_score(y, guess))
    assert m["macro_f1"].value == pytest.approx(sk.f1_score(y, guess, average="macro"))
    assert m["log_loss"].value == pytest.approx(sk.log_loss(y, p))
    area = sk.roc_auc_score(y, p[:, 1]) if classes == 2 else sk.roc_auc_score(y, p, multi_class="ovr")
    assert m["auroc"].value == pytest.approx(area)
    assert ("top5_accuracy" in m) == (classes > 5)
    if classes > 5:
        assert m["top5_accuracy"].value == pytest.approx(sk.top_k_accuracy_score(y, p, k=5))


def test_ties_are_not_all_among_the_first_five():
    m = classification_metrics(np.full((10, 10), 0.1), range(10), names(10))
    assert m["top5_accuracy"].value == 0.5


def test_real_pictures():
    digits = load_digits()
    x, y = digits.data / 16, digits.target
    model = LogisticRegression(max_iter=200).fit(x[:1200], y[:1200])
    p = model.predict_proba(x[1200:])
    m = classification_metrics(p, y[1200:], [str(k) for k in range(10)])
    assert m["accuracy"].value == pytest.approx(model.score(x[1200:], y[1200:]))
    assert 0.85 < m["accuracy"].low < m["accuracy"].value < m["accuracy"].high < 0.97
    assert all(metric.low <= metric.value <= metric.high and metric.n == 597 for metric in m.values())


def test_a_class_without_examples_is_left_out_and_said():
    p, y = draw(np.random.default_rng(0), 200, 3, 2.0)
    p, y = p[y != 2], y[y != 2]
    m = classification_metrics(p, y, names(3))
    kept = [sk.recall_score(y == k, p.argmax(1) == k) for k in (0, 1)]
    assert m["balanced_accuracy"].value == pytest.approx(np.mean(kept))
    assert m["balanced_accuracy"].note == "1 of 3 classes without examples left out"
    areas = [sk.roc_auc_score(y == k, p[:, k]) for k in (0, 1)]
    assert m["auroc"].value == pytest.approx(np.mean(areas))
    assert m["auroc"].note == "1 without examples left out"


def test_one_sample():
    m = classification_metrics([[0.9, 0.1]], [0], names(2))
    assert m["accuracy"].value == 1
    assert 0.1 < m["accuracy"].low < 0.3
    assert (m["log_loss"].low, m["log_loss"].high) == (None, None)
    assert "auroc" not in m  # nothing to rank against


def test_a_model_without_mistakes_gets_no_empty_interval():
    y = np.arange(40) % 4
    m = classification_metrics(np.eye(4)[y], y, names(4))
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "auroc"):
        assert m[name].value == 1
        assert 0.5 < m[name].low < 0.99, name
        assert m[name].high == 1
    assert m["log_loss"].value == pytest.approx(0, abs=1e-9)
    assert m["log_loss"].high > 0.01


def test_all_wrong():
    y = np.arange(20) % 2
    m = classification_metrics(np.eye(2)[1 - y], y, names(2))
    assert m["accuracy"].value == m["accuracy"].low == m["auroc"].value == 0
    assert m["accuracy"].high > 0.1
    assert np.isfinite(m["log_loss"].value)


def test_log_loss_of_half_precision_stays_finite():
    p = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    assert classification_metrics(p, [0, 0], names(2))["log_loss"].value == pytest.approx(
        -np.log(np.finfo(np.float32).eps) / 2, rel=1e-6
    )


@pytest.mark.parametrize(
    ("p", "y", "says"),
    [
        ([[0.5, 0.5], [np.nan, 0.5]], [0, 1], "probabilities of 1 of 2 samples are not finite (the first is sample 1)"),
        ([[3.0, -2.0]], [0], "sum to 1"),
        ([[0.7, 0.7]], [0], "a row sums to 1.4"),
        ([[0.5, 0.5]], [2], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], [0.0], "whole numbers from 0 to 1"),
        ([[0.5, 0.5]], [0, 1], "do not fit"),
        ([[0.2, 0.3, 0.5]], [0], "do not fit 2 labels"),
        (np.empty((0, 2)), np.empty(0, int), "no samples"),
    ],
)
def test_bad_input_is_named(p, y, says):
    with pytest.raises(InputError) as error:
        classification_metrics(p, y, names(2))
    assert says in str(error.value)


@pytest.mark.parametrize(("classes", "n", "strength"), [(2, 80, 2.0), (10, 300, 5.0)])
def test_intervals_cover_the_truth(classes, n, strength):
    """95 % nominal; over 150 test sets a share below 88 % would be chance once in thousands if 95 % were true."""
    rng = np.random.default_rng(7)
    prior = np.ones(classes)
    truth = classification_metrics(*draw(rng, 200_000, classes, strength, prior), names(classes))
    draws = [classification_metrics(*draw(rng, n, classes, strength, prior), names(classes)) for _ in range(150)]
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "auroc"):
        held = np.mean([m[name].low <= truth[name].value <= m[name].high for m in draws])
        assert held >= 0.88, (name, held)
    widths = [m["accuracy"].high - m["accuracy"].low for m in draws]
    assert np.mean(widths) < 0.2  # and they are no trivial intervals


def test_ten_thousand_samples_take_no_time():
    p, y = draw(np.random.default_rng(0), 10_000, 10, 3.0)
    start = time.process_time()
    classification_metrics(p, y, names(10))
    assert time.process_time() - start < 2
