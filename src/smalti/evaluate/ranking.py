"""Figures of a ranking: area under the ROC curve and average precision, with what each sample adds to them.

The influence of a sample is the derivative of the figure by the weight of the sample. The squares of all influences
sum to the variance (the infinitesimal jackknife, Jaeckel 1972; for the ROC area this is DeLong, DeLong and
Clarke-Pearson 1988), and the influences of several labels add up sample by sample, so that a mean over labels gets
the right interval though they share their pictures.

Average precision counts each positive in its own precision, so it is too high where positives are few; the lower limit
makes room for that.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smalti.evaluate.groups import Groups, design_effect
from smalti.evaluate.intervals import Floats, Z, mover

__all__ = ["average_precision", "macro", "over_labels", "roc_area"]

Truth = NDArray[np.bool_]
Figure = Callable[[NDArray[np.floating], Truth], tuple[float, Floats, float]]


def roc_area(scores: NDArray[np.floating], truth: Truth) -> tuple[float, Floats, float]:
    """Chance that a positive outranks a negative, ties counting half.

    Args:
        scores: (N,), higher for positive.
        truth: (N,), at least one of each kind.

    Returns:
        the area, the influence of each sample (N,), and its bias, which is none.
    """
    group, positives, negatives = _groups(scores, truth)
    above = np.cumsum(positives) - positives / 2  # positives at least as high, ties half
    below = negatives.sum() - np.cumsum(negatives) + negatives / 2
    won = np.where(truth, below[group] / negatives.sum(), above[group] / positives.sum())
    area = float(won[truth].mean())
    return area, (won - area) / np.where(truth, positives.sum(), negatives.sum()), 0.0


def average_precision(scores: NDArray[np.floating], truth: Truth) -> tuple[float, Floats, float]:
    """Mean, over the positives, of the precision among all samples ranked at least as high.

    Args:
        scores: (N,), higher for positive.
        truth: (N,), at least one positive.

    Returns:
        the average precision, the influence of each sample (N,), and its bias: what the precisions lose when each
        positive is left out of its own, which is the jackknife's estimate (Quenouille 1956).
    """
    group, positives, negatives = _groups(scores, truth)
    listed = np.cumsum(positives + negatives)
    precision = np.cumsum(positives) / listed
    total = positives.sum()
    value = float((positives * precision).sum() / total)
    # a sample changes its own term and the precision at every positive ranked no higher than itself
    gain = _from_end(positives / listed)[group]
    loss = _from_end(positives * precision / listed)[group]
    itself = (1 - precision) / np.maximum(listed - 1, 1)  # P/L - (P-1)/(L-1); the first of all loses nothing
    bias = float((positives * itself).sum() / total)
    return value, (truth * (precision[group] - value + gain) - loss) / total, bias


def over_labels(figure: Figure, scores: NDArray[np.floating], truth: Truth) -> tuple[Floats, Floats, float]:
    """A figure of each of K labels (K,), and of their mean the influence of each sample (N,) and the bias.

    Args:
        figure: `roc_area` or `average_precision`.
        scores: (N, K).
        truth: (N, K).
    """
    labels = scores.shape[1]
    values, influence, bias = np.empty(labels), np.zeros(len(scores)), 0.0
    for k in range(labels):
        values[k], added, excess = figure(scores[:, k], truth[:, k])
        influence += added / labels
        bias += excess / labels
    return values, influence, bias


def macro(
    figure: Figure,
    floor: Callable[[Floats, float], tuple[Floats, Floats]],
    scores: Floats,
    truth: Truth,
    groups: Groups = None,
) -> tuple[float, float, float]:
    """The mean of a figure over K labels: value, low, high. The lower limit lies lower by the bias.

    Args:
        figure: `roc_area` or `average_precision`.
        floor: limits of each label's figure (K,) by a score interval, which stay open where nothing was ranked wrongly;
            of the two intervals the wider one counts. Its second argument is the design effect of the groups.
        scores: (N, K).
        truth: (N, K).
        groups: (N,).
    """
    values, influence, bias = over_labels(figure, scores, truth)
    effect = design_effect(influence, groups)
    value, low, high = mover(values, *floor(values, effect))
    half = Z * float(np.sqrt(effect * (influence**2).sum()))
    return value, max(0.0, min(low, value - half) - bias), min(1.0, max(high, value + half))


def _groups(scores: NDArray[np.floating], truth: Truth) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Each sample's place among the distinct scores, best first, and the positives and negatives at each place."""
    _, group = np.unique(-scores, return_inverse=True)
    return group, np.bincount(group, truth).astype(float), np.bincount(group, ~truth).astype(float)


def _from_end(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]
