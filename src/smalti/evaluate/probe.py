"""How much frozen features know: the nearest neighbours' vote, and a linear layer with its strength of regularisation
chosen on validation data.

Shapes: N samples, D features, K classes, T targets.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["Linear", "fit_linear", "knn", "pooled"]

STRENGTHS = tuple(10.0**power for power in range(-4, 4))  # C of the logistic regression, strongest regularisation first
TEMPERATURE = 0.07  # of the vote
RULED_OUT = -20.0  # the bias of a class that no training picture has


@dataclass(frozen=True)
class Linear:
    """A linear layer on features: weight (K, D) and bias (K,), with the strength that was chosen, how it did, and how
    many strengths were tried."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    strength: float
    score: float
    tried: int


@torch.inference_mode()
def pooled(module: nn.Module, images: Iterable[Tensor], *, advance: Callable[[int], None] = lambda n: None) -> Tensor:
    """The features (N, D) of batches of normalised images (B, C, H, W), in fp32 on the CPU; `advance` is told the
    pictures done."""
    reads: Any = module
    place = {"device": next(module.parameters()).device, "dtype": getattr(module, "dtype", torch.float32)}
    found = []
    for batch in images:
        found.append(reads.forward_pooled(batch.to(**place)).float().cpu())
        advance(len(batch))
    return torch.cat(found)


def knn(features: Tensor, labels: Tensor, queries: Tensor, *, k: int = 20, num_classes: int) -> Tensor:
    """Class scores (M, K) of `queries` (M, D): the votes of the k nearest of `features` (N, D) by cosine, each worth
    exp(cosine / 0.07) (Wu et al., arXiv:1805.01978, as in DINO, arXiv:2104.14294); rows sum to one.

    Args:
        labels: (N,) class numbers of `features`.
        k: neighbours; all where there are fewer.
    """
    features, queries = F.normalize(features, dim=-1), F.normalize(queries, dim=-1)
    scores = []
    for some in queries.split(1024):
        nearest, which = (some @ features.T).topk(min(k, len(features)), dim=-1)
        votes = (nearest / TEMPERATURE).softmax(-1)  # exp, scaled so that a row sums to one
        scores.append(votes.new_zeros(len(some), num_classes).scatter_add_(1, labels[which], votes))
    return torch.cat(scores)


def fit_linear(
    task: str,
    train: tuple[NDArray, NDArray],
    val: tuple[NDArray, NDArray],
    outputs: int,
    *,
    weights: Sequence[float] | None = None,
    strengths: Sequence[float] = STRENGTHS,
    deadline: float = math.inf,
) -> Linear:
    """The linear layer for a task: logistic regression (one-vs-rest for multi-label) or ridge regression, at the
    strength that does best on `val`.

    Args:
        task: "classify", "multilabel" or "regress".
        train: features (N, D), and targets: (N,) class numbers, or (N, T) numbers.
        val: the same of other samples.
        outputs: K classes or labels, or T targets.
        weights: of each class in the fit; multi-label: of the samples that have the label. None counts all alike.
        strengths: to try, in this order; of equally good ones the strongest regularisation is kept.
        deadline: of `time.monotonic`: the first strength is always tried, and each further one only if it will be
            fitted by then, should it take as long as the one before.
    """
    mean, deviation = train[0].mean(0), train[0].std(0) + 1e-6
    x, queries = ((features - mean) / deviation for features, _ in (train, val))
    fit, score = FITS[task], SCORES[task]
    factors = None if weights is None else np.asarray(weights, np.float64)
    layers: list[tuple[float, float, NDArray, NDArray]] = []
    began = time.monotonic()
    for strength in strengths:
        weight, bias = fit(x, train[1], outputs, strength, factors)
        layers.append((score(queries @ weight.T + bias, val[1]), strength, weight / deviation, bias))
        now = time.monotonic()
        if now + (now - began) > deadline:
            break
        began = now
    found, strength, weight, bias = max(layers, key=lambda one: (one[0], -one[1]))
    return Linear(weight, bias - weight @ mean, strength, found, len(layers))


def logistic(
    x: NDArray, y: NDArray, outputs: int, strength: float, weights: NDArray | None = None
) -> tuple[NDArray, NDArray]:
    """Weight (K, D) and bias (K,) of a multinomial logistic regression, in which a sample counts as the `weights` (K,)
    of its class say; a class that `y` lacks is ruled out."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # weak regularisation need not converge to be compared
        model.fit(x, y, sample_weight=None if weights is None else weights[y])
    rows, biases = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row: that of the second class
        rows, biases = np.concatenate([-rows, rows]) / 2, np.concatenate([-biases, biases]) / 2
    weight, bias = np.zeros((outputs, x.shape[1])), np.full(outputs, RULED_OUT)
    weight[model.classes_], bias[model.classes_] = rows, biases
    return weight, bias


def one_vs_rest(
    x: NDArray, y: NDArray, outputs: int, strength: float, weights: NDArray | None = None
) -> tuple[NDArray, NDArray]:
    """Weight (K, D) and bias (K,), a logistic regression a label, in which a sample that has it counts as the `weights`
    (K,) say; one that never or always holds needs no features."""
    weight, bias = np.zeros((outputs, x.shape[1])), np.full(outputs, RULED_OUT)
    for label, column in enumerate(y.T):
        if column.min() < column.max():
            pair = None if weights is None else np.array([1.0, weights[label]])  # without it, with it
            rows, biases = logistic(x, column.astype(np.int64), 2, strength, pair)
            weight[label], bias[label] = rows[1] - rows[0], biases[1] - biases[0]
        elif column[0]:
            bias[label] = -RULED_OUT
    return weight, bias


def ridge(x: NDArray, y: NDArray, outputs: int, strength: float, weights: None = None) -> tuple[NDArray, NDArray]:
    """Weight (T, D) and bias (T,) of a ridge regression; numbers have no classes to weigh."""
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1 / strength).fit(x.astype(np.float64), y)
    return model.coef_.reshape(outputs, -1), np.asarray(model.intercept_).reshape(outputs)


def cross_entropy(logits: NDArray, y: NDArray) -> float:
    """Minus the mean cross-entropy."""
    return -F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(y)).item()


def binary_cross_entropy(logits: NDArray, y: NDArray) -> float:
    """Minus the mean binary cross-entropy."""
    return -F.binary_cross_entropy_with_logits(torch.from_numpy(logits), torch.from_numpy(y.astype(np.float64))).item()


def squared_error(values: NDArray, y: NDArray) -> float:
    """Minus the mean squared error."""
    return -float(np.square(values - y).mean())


FITS = {"classify": logistic, "multilabel": one_vs_rest, "regress": ridge}
SCORES = {"classify": cross_entropy, "multilabel": binary_cross_entropy, "regress": squared_error}
