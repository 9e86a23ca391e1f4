"""A trained model of text measured on a part of a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.evaluate.classify import classification_metrics
from smalti.evaluate.confusion import confusion, per_class, surest_mistakes
from smalti.evaluate.metrics import Metric
from smalti.evaluate.report import MISTAKES, Mistake

__all__ = ["TextEvaluation", "measure_texts"]


@dataclass(frozen=True)
class TextEvaluation:
    """What was measured.

    Args:
        n: tokens or texts.
        metrics: figures with their intervals, the headline first.
        labels: names of the classes, of a classifier.
        table: a row a class, likewise.
        confusion: (K, K) counts, true by predicted, likewise.
        mistakes: the wrong answers a classifier was surest of, worst first.
    """

    n: int
    metrics: dict[str, Metric]
    labels: tuple[str, ...] = ()
    table: Sequence[Mapping[str, Any]] = ()
    confusion: NDArray[np.int64] | None = None
    mistakes: tuple[Mistake, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The stable shape of `evaluate --json`; of a classifier as for pictures."""
        told: dict[str, Any] = {"n": self.n}
        told["metrics"] = {name: metric.to_dict() for name, metric in self.metrics.items()}
        if self.confusion is not None:
            told |= {"classes": list(self.table), "confusion": self.confusion.tolist()}
        return told


def measure_texts(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.int64],
    labels: tuple[str, ...],
    texts: Sequence[str],
    *,
    groups: NDArray[np.int64] | None = None,
) -> TextEvaluation:
    """What a classifier of texts reached.

    Args:
        probabilities: (N, K).
        targets: (N,) numbers of the classes.
        labels: names of the K classes.
        texts: the N texts.
        groups: (N,), equal where texts are of one group; None where each stands alone.
    """
    predicted = probabilities.argmax(1)
    mistakes = tuple(
        Mistake(texts[i], "", labels[targets[i]], labels[predicted[i]], float(probabilities[i, predicted[i]]))
        for i in map(int, surest_mistakes(probabilities, targets)[:MISTAKES])
    )
    return TextEvaluation(
        len(targets),
        classification_metrics(probabilities, targets, labels, groups=groups),
        labels,
        per_class(targets, predicted, labels, groups=groups),
        confusion(targets, predicted, len(labels)),
        mistakes,
    )
