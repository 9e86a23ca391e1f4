"""Each loss equals the plain formula, and its metrics mean what they say."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from smalti.objectives import Classify, Multilabel, Regress
from smalti.objectives.losses import LOSSES, binary_focal, ordinal


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
    shares = F.one_hot(target, 4).float() * (1 - smoothing) + smoothing / 4
    # a picture is weighed as its class, and the mean is over pictures: torch's rule for shares, without smoothing
    torch.testing.assert_close(loss, -(weights[target] * (shares * logp).sum(-1)).mean())
    plain, _ = Classify(class_weights=weights.tolist())(model, {"image": images, "target": target})
    torch.testing.assert_close(plain, F.cross_entropy(model(images), F.one_hot(target, 4).float(), weight=weights))
    torch.testing.assert_close(metrics["accuracy"], (logp.argmax(-1) == target).float().mean())
    assert not metrics["accuracy"].requires_grad


@pytest.mark.parametrize("loss", LOSSES["classify"].values(), ids=LOSSES["classify"])
def test_the_loss_of_a_batch_is_the_mean_of_its_parts(model, images, loss):
    """With weights too: else a step in parts (loop.accumulate) would be another step."""
    target = torch.tensor([0, 1, 2, 3, 0, 1])
    objective = Classify(loss=loss, class_weights=[1.0, 2.0, 0.5, 1.0], smoothing=0.1)
    whole, _ = objective(model, {"image": images, "target": target})
    parts = [objective(model, {"image": images[i : i + 2], "target": target[i : i + 2]})[0] for i in (0, 2, 4)]
    torch.testing.assert_close(whole, torch.stack(parts).mean())


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
    factor = torch.where(target > 0.5, weights, 1.0)
    expected = -(factor * (smooth * p.log() + (1 - smooth) * (1 - p).log())).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    plain, _ = Multilabel(positive_weights=weights.tolist())(model, {"image": images, "target": target})
    torch.testing.assert_close(
        plain, F.binary_cross_entropy_with_logits(model(images), target, pos_weight=weights), rtol=1e-4, atol=1e-5
    )
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


def test_a_loss_is_a_part(model, images):
    target, labels = torch.tensor([0, 1, 2, 3, 0, 1]), (torch.rand(6, 4) > 0.5).float()
    shares = F.one_hot(target, 4).float()
    loss, _ = Classify(loss=ordinal)(model, {"image": images, "target": target})
    torch.testing.assert_close(loss, ordinal(model(images), shares).mean())
    loss, _ = Multilabel(loss=partial(binary_focal, gamma=1.0))(model, {"image": images, "target": labels})
    torch.testing.assert_close(loss, binary_focal(model(images), labels, 1.0).mean())
    loss, _ = Regress(F.l1_loss)(model, {"image": images, "target": labels})
    torch.testing.assert_close(loss, (model(images) - labels).abs().mean())
