"""Which classes are taken for which: the table of counts, a row a class, and the surest mistakes.

Legend: N samples, K classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.evaluate.groups import Groups, design_effect, groups_of

__all__ = ["confusion", "per_class", "recall_effect", "surest_mistakes"]


def confusion(targets: ArrayLike, predicted: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    """(K, K) counts: row the true class, column the predicted one."""
    cells = np.asarray(targets, np.int64) * num_classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def surest_mistakes(probabilities: NDArray[np.floating], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the likeliest class of (N, K) is not that of `targets` (N,): positions, the surest mistake first."""
    predicted = probabilities.argmax(1)
    wrong = np.flatnonzero(predicted != targets)
    return wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")]


def per_class(
    targets: ArrayLike,
    predicted: ArrayLike,
    labels: Sequence[str],
    *,
    groups: NDArray[np.integer] | None = None,
) -> list[dict[str, str | float | int]]:
    """scikit-learn's classification report as rows: label, precision, recall, f1 (0 where undefined), support; with
    groups (N,) also the design effect on the recall."""
    from sklearn.metrics import classification_report

    # reported by position: names may repeat, or be "macro avg"
    places = list(range(len(labels)))
    report = classification_report(
        np.asarray(targets),
        np.asarray(predicted),
        labels=places,
        target_names=[str(k) for k in places],
        output_dict=True,
        zero_division=0,  # type: ignore[arg-type]
    )
    assert isinstance(report, dict)
    y, hits, numbers = np.asarray(targets), np.asarray(predicted) == np.asarray(targets), groups_of(groups)
    return [
        {
            "label": label,
            "precision": float(report[str(k)]["precision"]),
            "recall": float(report[str(k)]["recall"]),
            "f1": float(report[str(k)]["f1-score"]),
            "support": int(report[str(k)]["support"]),
        }
        | recall_effect(y == k, hits, numbers)
        for k, label in enumerate(labels)
    ]


def recall_effect(has: NDArray[np.bool_], found: NDArray[np.bool_], groups: Groups) -> dict[str, float]:
    """The design effect on the recall of a class, as a part of its row: of none without groups, or without members.

    Args:
        has: (N,), which samples are of the class.
        found: (N,), which were called so.
        groups: (N,).
    """
    if groups is None or not has.any():
        return {}
    values = found[has].astype(float)
    return {"design_effect": design_effect(values - values.mean(), groups_of(groups[has]))}
