import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nn

from smalti.evaluate.evaluators import ClassifyEvaluator, MultilabelEvaluator, RegressEvaluator


class Answers(nn.Module):
    """Says what it finds in the picture: image (B, 1, 1, K) holds the logits."""

    def forward(self, images):
        return images[:, 0, 0]


def batches(logits, targets):
    size = 4
    return [
        {
            "image": torch.as_tensor(logits[i : i + size], dtype=torch.float32)[:, None, None],
            "target": torch.as_tensor(targets[i : i + size]),
            "id": torch.arange(i, min(i + size, len(logits))),
        }
        for i in range(0, len(logits), size)
    ]


def test_classify_is_exact_over_uneven_batches():
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(10, 3)), rng.integers(3, size=10)
    evaluator = ClassifyEvaluator(batches(logits, y))
    values = dict(evaluator(Answers()))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert values["loss"] == pytest.approx(sk.log_loss(y, p, labels=range(3)), rel=1e-5)
    assert values["accuracy"] == pytest.approx(sk.accuracy_score(y, logits.argmax(1)))
    plus_four = [*(y == logits.argmax(1)), True, True, False, False]
    assert values["accuracy_error"] == pytest.approx(np.std(plus_four) / np.sqrt(14))
    assert dict(evaluator(Answers())) == values  # may be asked again
    assert evaluator.best == ("accuracy", "max")


def test_all_right_is_no_certainty():
    y = np.arange(180) % 3
    values = dict(ClassifyEvaluator(batches(np.eye(3)[y], y))(Answers()))
    assert values["accuracy"] == 1
    assert 0.5 / 180 < values["accuracy_error"] < 2 / 180
    y[0] = 1  # one mistake
    other = dict(ClassifyEvaluator(batches(np.eye(3)[np.arange(180) % 3], y))(Answers()))
    assert other["accuracy"] + other["accuracy_error"] > 1


def test_multilabel():
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(30, 3)), (rng.random((30, 3)) < 0.4).astype(np.float32)
    values = dict(MultilabelEvaluator(batches(logits, y))(Answers()))
    p = 1 / (1 + np.exp(-logits))
    assert values["map"] == pytest.approx(sk.average_precision_score(y, p, average="macro"))
    assert values["loss"] == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), rel=1e-5)
    draws = np.random.default_rng(1).integers(30, size=(300, 30))
    spread = np.std([sk.average_precision_score(y[i], p[i], average="macro") for i in draws])
    assert values["map_error"] == pytest.approx(spread, rel=0.2)
    assert MultilabelEvaluator.best[0] in values


def test_regress():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(30, 2)).astype(np.float32)
    x = y + rng.normal(size=y.shape).astype(np.float32)
    values = dict(RegressEvaluator(batches(x, y))(Answers()))
    assert values["loss"] == pytest.approx(sk.mean_squared_error(y, x))
    assert values["loss_error"] == pytest.approx(((y - x) ** 2).mean(1).std() / np.sqrt(30), rel=1e-5)
    assert values["mae"] == pytest.approx(sk.mean_absolute_error(y, x))
    assert values["r2"] == pytest.approx(sk.r2_score(y, x))
    assert RegressEvaluator.best == ("loss", "min")


@pytest.mark.parametrize(
    ("evaluator", "y"),
    [
        (ClassifyEvaluator, np.array([0, 1])),
        (MultilabelEvaluator, np.eye(2, dtype=np.float32)),
        (RegressEvaluator, np.eye(2, dtype=np.float32)),
    ],
)
def test_a_model_that_has_diverged_gives_nan_and_no_error(evaluator, y):
    values = dict(evaluator(batches(np.full((2, 2), np.nan), y))(Answers()))
    assert np.isnan(values["loss"])
