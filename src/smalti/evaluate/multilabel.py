"""How good are any-of-K answers? Every figure with its interval.

Legend: N samples, K labels. Figures agree with scikit-learn's of the same name wherever both are defined.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.errors import InputError
from smalti.evaluate.classify import auroc, finite, share
from smalti.evaluate.confusion import recall_effect
from smalti.evaluate.groups import Groups, groups_of, in_groups
from smalti.evaluate.intervals import Floats, bootstrap_means, wilson
from smalti.evaluate.metrics import Metric
from smalti.evaluate.ranking import average_precision, macro, over_labels

__all__ = ["mean_average_precision", "multilabel_metrics", "per_label"]


def multilabel_metrics(
    probabilities: ArrayLike, targets: ArrayLike, *, groups: NDArray[np.integer] | None = None, seed: int = 0
) -> dict[str, Metric]:
    """The figures of a multi-label model on N samples.

    Args:
        probabilities: (N, K) in [0, 1].
        targets: (N, K) of 0 and 1.
        groups: (N,) numbers, equal where samples are of one group (a patient, a video); None where each stands alone.
        seed: of the bootstrap behind the interval of micro F1.

    Returns:
        map (mean average precision over the labels that have positives), where any has; micro_f1, subset_accuracy
        (every label right) and hamming_loss (share of wrong labels) at a threshold of 0.5; auroc, where some label
        has both answers.

    Raises:
        InputError: shapes that do not fit, targets other than 0 and 1, probabilities that are none.
    """
    p, y = _checked(probabilities, targets)
    n, groups = len(p), groups_of(groups)
    guess = p >= 0.5
    metrics: dict[str, Metric] = {}

    seen = np.asarray(y.any(0))
    if seen.any():
        # the floor: an average precision is a mean over the positives of its label (Boyd, Eng and Page 2013)
        positives, missing = y.sum(0)[seen], int((~seen).sum())
        value, low, high = macro(
            average_precision, lambda aps, effect: wilson(aps, positives / effect), p[:, seen], y[:, seen], groups
        )
        note = f"{missing} of {len(seen)} labels without positives left out" if missing else ""
        metrics["map"] = Metric(value, low, high, n, note=note)
    metrics["micro_f1"] = _micro_f1(guess, y, groups, seed)
    metrics["subset_accuracy"] = share((guess == y).all(1), groups)
    metrics["hamming_loss"] = share((guess != y).mean(1), groups)
    both = (y.sum(0) > 0) & (y.sum(0) < n)
    if both.any():
        metrics["auroc"] = auroc(p[:, both], y[:, both], groups, omitted=int((~both).sum()))
    return in_groups(metrics, groups)


def mean_average_precision(scores: NDArray[np.floating], targets: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean average precision over the labels with positives, of (N, K) scores, and its standard error; NaN and 0 where
    none has any.
    """
    seen = targets.any(0)
    if not seen.any():
        return float("nan"), 0.0
    values, influence, _ = over_labels(average_precision, scores[:, seen], targets[:, seen])
    return float(values.mean()), float(np.sqrt((influence**2).sum()))


def per_label(
    probabilities: ArrayLike,
    targets: ArrayLike,
    labels: Sequence[str],
    *,
    groups: NDArray[np.integer] | None = None,
) -> list[dict[str, str | float | int | None]]:
    """Rows of label, average_precision (None without positives), precision, recall, f1 at 0.5, support (positives);
    with groups (N,) also the design effect on the recall."""
    p, y = _checked(probabilities, targets)
    guess = p >= 0.5
    right, said, there = (guess & y).sum(0), guess.sum(0), y.sum(0)
    numbers = groups_of(groups)
    return [
        {
            "label": label,
            "average_precision": average_precision(p[:, k], y[:, k])[0] if there[k] else None,
            "precision": float(right[k] / max(said[k], 1)),
            "recall": float(right[k] / max(there[k], 1)),
            "f1": float(2 * right[k] / max(said[k] + there[k], 1)),
            "support": int(there[k]),
        }
        | recall_effect(y[:, k], guess[:, k], numbers)
        for k, label in enumerate(labels)
    ]


def _micro_f1(guess: NDArray[np.bool_], y: NDArray[np.bool_], groups: Groups, seed: int) -> Metric:
    n = len(y)
    rows = np.stack([2 * (guess & y).sum(1), guess.sum(1) + y.sum(1)], 1).astype(float)
    agreed, named = rows.mean(0)
    value = float(agreed / named) if named else 0.0
    right, wrong = (named, named), (0.0, named)  # plus four: see intervals.py
    low, high = bootstrap_means(rows, _ratio, extra=(right, right, wrong, wrong), seed=seed, groups=groups)
    if low is None or high is None or not named:
        return Metric(value, None, None, n)
    return Metric(value, min(low, value), max(high, value), n)


def _ratio(means: Floats) -> Floats:
    return means[:, 0] / np.where(means[:, 1] > 0, means[:, 1], np.nan)


def _checked(probabilities: ArrayLike, targets: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    p, y = np.asarray(probabilities, np.float64), np.asarray(targets)
    if p.ndim != 2 or p.shape != y.shape:
        raise InputError(
            f"probabilities of shape {p.shape} and targets of shape {y.shape} do not fit",
            mend="give both as (N, K)",
        )
    if not len(p):
        raise InputError("there are no samples to judge", mend="give at least one")
    if not np.isin(y, (0, 1)).all():
        raise InputError("multi-label targets must be 0 or 1", mend="give 1 for each label a picture has, else 0")
    finite(p, "probabilities")
    if p.min() < 0 or p.max() > 1:
        raise InputError(
            f"probabilities must lie in [0, 1], got {p.min():.3g} to {p.max():.3g}",
            mend="give sigmoid outputs, not logits",
        )
    return p, y.astype(bool)
