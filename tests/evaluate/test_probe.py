"""Probes of frozen features: the vote of neighbours against a plain loop and scikit-learn, the linear layer against
what it was fitted for.
"""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from smalti.evaluate import probe
from smalti.evaluate.probe import RULED_OUT, STRENGTHS, fit_linear, knn, logistic, pooled
from smalti.models import create_model

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32), DIGITS.target.astype(np.int64)


def by_hand(features, labels, query, k, temperature, classes):
    votes = np.zeros(classes)
    cosines = [float(f @ query / np.linalg.norm(f) / np.linalg.norm(query)) for f in features]
    for i in sorted(range(len(features)), key=lambda i: -cosines[i])[:k]:
        votes[labels[i]] += np.exp(cosines[i] / temperature)
    return votes / votes.sum()


@settings(max_examples=25)
@given(n=st.integers(1, 30), k=st.integers(1, 40), seed=st.integers(0, 99))
def test_the_vote_is_that_of_a_plain_loop(n, k, seed):
    rng = np.random.default_rng(seed)
    features, query, labels = rng.normal(size=(n, 5)), rng.normal(size=5), rng.integers(0, 4, n)
    expected = by_hand(features, labels, query, k, 0.07, 4)
    found = knn(torch.from_numpy(features), torch.from_numpy(labels), torch.from_numpy(query)[None], k=k, num_classes=4)
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-6, atol=1e-9)


def test_the_winners_are_nearly_those_of_scikit_learn():
    train, test = slice(0, 1200), slice(1200, None)
    found = knn(torch.tensor(X[train]), torch.tensor(Y[train]), torch.tensor(X[test]), k=5, num_classes=10).argmax(1)
    theirs = KNeighborsClassifier(5, metric="cosine", weights="distance").fit(X[train], Y[train]).predict(X[test])
    assert (found.numpy() == theirs).mean() > 0.99


def test_a_linear_layer_learns_digits_and_folds_the_scaling_in():
    linear = fit_linear("classify", (X[:1000], Y[:1000]), (X[1000:1300], Y[1000:1300]), 10)
    logits = X[1300:] @ linear.weight.T + linear.bias
    assert (logits.argmax(1) == Y[1300:]).mean() > 0.9
    assert linear.strength in (0.001, 0.01, 0.1, 1.0)  # neither end of the sweep


@pytest.mark.parametrize(("deadline", "tried"), [(-1.0, 1), (0.5, 1), (3.5, 3), (4.0, 4), (math.inf, 8)])
def test_what_would_be_fitted_after_the_deadline_is_not_tried(deadline, tried, monkeypatch):
    """Each strength takes a second here."""
    monkeypatch.setattr(probe, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    linear = fit_linear("regress", (X[:100], X[:100, :2]), (X[100:], X[100:, :2]), 2, deadline=deadline)
    assert linear.tried == tried
    assert linear.strength in STRENGTHS[:tried]


def test_a_class_without_pictures_is_never_the_answer():
    weight, bias = logistic(X[Y < 3], Y[Y < 3], 10, 0.1)
    assert weight.shape == (10, 64)
    assert (weight[3:] == 0).all()
    assert (bias[3:] == RULED_OUT).all()
    assert (X @ weight.T + bias).argmax(1).max() == 2


def test_two_classes_give_the_probability_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    two = Y < 2
    weight, bias = logistic(X[two], Y[two], 2, 0.01)
    logits = torch.from_numpy(X[two] @ weight.T + bias)
    theirs = LogisticRegression(C=0.01, max_iter=300).fit(X[two], Y[two]).predict_proba(X[two])
    np.testing.assert_allclose(logits.softmax(1).numpy(), theirs, atol=1e-6)


def test_a_weight_of_two_is_every_sample_twice():
    few, twice = Y < 3, X[Y == 2]
    weighed = logistic(X[few], Y[few], 3, 0.01, np.array([1.0, 1.0, 2.0]))
    doubled = logistic(np.concatenate([X[few], twice]), np.append(Y[few], np.full(len(twice), 2)), 3, 0.01)
    for mine, theirs in zip(weighed, doubled, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-3)
    labels = np.stack([Y == 2, Y == 3], axis=1).astype(np.float32)
    plain, heavy = (
        fit_linear("multilabel", (X, labels), (X, labels), 2, weights=weights, strengths=(0.001,))
        for weights in (None, [1.0, 5.0])
    )
    np.testing.assert_allclose(heavy.bias[0], plain.bias[0])
    assert (X @ heavy.weight[1] + heavy.bias[1]).mean() > (X @ plain.weight[1] + plain.bias[1]).mean()


def test_labels_that_hold_together_and_labels_that_never_do():
    targets = np.stack([Y < 5, Y % 2 == 0, np.zeros_like(Y), np.ones_like(Y)], axis=1).astype(np.float32)
    linear = fit_linear("multilabel", (X[:1000], targets[:1000]), (X[1000:], targets[1000:]), 4)
    present = X[1000:] @ linear.weight.T + linear.bias > 0
    rates = (present == targets[1000:].astype(bool)).mean(0)
    assert rates[0] > 0.8
    assert rates[1] > 0.85
    assert rates[2] == rates[3] == 1.0


def test_numbers_are_read_off():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(2, 64))
    targets = X @ truth.T + 3.0 + rng.normal(0, 0.1, (len(X), 2))
    linear = fit_linear("regress", (X[:1000], targets[:1000]), (X[1000:], targets[1000:]), 2)
    assert linear.weight.shape == (2, 64)
    errors = X[1000:] @ linear.weight.T + linear.bias - targets[1000:]
    assert np.sqrt(np.square(errors).mean()) < 0.5


@pytest.mark.parametrize("preset", ["vit_mini_patch4_32", "swin_mini_patch2_window4_32", "cnn_small_32"])
def test_features_are_the_models_own(preset):
    torch.manual_seed(0)
    model = create_model(preset).eval()
    images, told = torch.randn(5, 3, 32, 32), []
    found = pooled(model, images.split(2), advance=told.append)
    with torch.no_grad():
        torch.testing.assert_close(found, model.forward_pooled(images), rtol=1e-4, atol=1e-5)
    assert told == [2, 2, 1]
