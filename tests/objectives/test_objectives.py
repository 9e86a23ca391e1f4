"""Each loss equals the plain formula, and its metrics mean what they say."""

import pytest
import torch
import torch.nn.functional as F

from smalti.objectives import Classify, Multilabel, Regress


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4))


@pytest.fixture
def images():
    return torch.randn(6, 3, 2, 2)


def test_classify_is_cross_entropy_with_smoothing_and_weights(model, images):
    target, weights, smoothing = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([1.0, 2.0, 0.5, 1.0]), 0.2
    loss, metrics = Classify(smoothing=smoothing, class_weights=weights.tolist())(
        model, {"image": images, "target": target}
    )
    logp = model(images).log_softmax(-1)
    one_hot = F.one_hot(target, 4).float()
    # torch's rule for smoothing with weights: every class's share is weighed, the sum is over the weights of the labels
    shares = one_hot * (1 - smoothing) + smoothing / 4
    expected = -(shares * logp * weights).sum() / weights[target].sum()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(metrics["accuracy"], (logp.argmax(-1) == target).float().mean())
    assert not metrics["accuracy"].requires_grad


def test_soft_targets_are_the_mean_of_their_classes(model, images):
    a, b = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([3, 3, 3, 3, 3, 3])
    mixed = 0.3 * F.one_hot(a, 4).float() + 0.7 * F.one_hot(b, 4).float()
    loss, metrics = Classify()(model, {"image": images, "target": mixed})
    parts = [Classify()(model, {"image": images, "target": t})[0] for t in (a, b)]
    torch.testing.assert_close(loss, 0.3 * parts[0] + 0.7 * parts[1])
    torch.testing.assert_close(metrics["accuracy"], (model(images).argmax(-1) == 3).float().mean())


def test_multilabel_is_binary_cross_entropy(model, images):
    target = (torch.rand(6, 4) > 0.5).float()
    weights = torch.tensor([1.0, 3.0, 1.0, 2.0])
    loss, metrics = Multilabel(smoothing=0.1, positive_weights=weights.tolist())(
        model, {"image": images, "target": target}
    )
    p = model(images).sigmoid()
    smooth = target * 0.9 + 0.05
    expected = -(weights * smooth * p.log() + (1 - smooth) * (1 - p).log()).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(metrics["accuracy"], ((p > 0.5) == (target > 0.5)).float().mean())


def test_regress_is_quadratic_near_and_linear_far(images):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1))
    torch.nn.init.zeros_(model[1].weight)
    torch.nn.init.zeros_(model[1].bias)
    target = torch.tensor([[0.5], [-0.5], [3.0], [-3.0], [0.0], [1.0]])
    loss, metrics = Regress()(model, {"image": images, "target": target})
    expected = torch.tensor([0.125, 0.125, 2.5, 2.5, 0.0, 0.5]).mean()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(metrics["mae"], target.abs().mean())
