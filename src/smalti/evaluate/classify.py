"""How good are one-of-K answers? Every figure with its interval.

Legend: N samples, K classes. Figures agree with scikit-learn's of the same name wherever both are defined.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.errors import InputError
from smalti.evaluate.intervals import DRAWS, Floats, Interval, Z, limits, mean_interval, mover, newcombe, wilson
from smalti.evaluate.metrics import Metric
from smalti.evaluate.ranking import macro, roc_area

__all__ = ["classification_metrics", "confusion", "per_class", "surest_mistakes"]


def classification_metrics(
    probabilities: ArrayLike, targets: ArrayLike, labels: Sequence[str], *, seed: int = 0
) -> dict[str, Metric]:
    """The figures of a classifier on N samples.

    Args:
        probabilities: (N, K), each row sums to 1.
        targets: (N,) positions in `labels`.
        labels: the K class names.
        seed: of the bootstrap behind the interval of macro F1.

    Returns:
        accuracy; top5_accuracy, with more than 5 classes; balanced_accuracy and macro_f1; log_loss in nats; auroc (of
        the second class with two classes, else the mean of one-vs-rest), where some class has both members and
        others.

    Raises:
        InputError: shapes that do not fit, targets outside of the labels, probabilities that are none.
    """
    p, y = _checked(probabilities, targets, len(labels))
    n, eps = len(y), _eps(probabilities)
    right = p[np.arange(n), y]
    counts = confusion(y, p.argmax(1), len(labels))

    metrics = {"accuracy": _share(np.trace(counts) / n, n)}
    if len(labels) > 5:
        ahead = (p > right[:, None]) | ((p == right[:, None]) & (np.arange(p.shape[1]) < y[:, None]))
        metrics["top5_accuracy"] = _share((ahead.sum(1) < 5).mean(), n)
    metrics["balanced_accuracy"] = _balanced_accuracy(counts)
    metrics["macro_f1"] = _macro_f1(counts, seed)
    losses = -np.log(np.clip(right, eps, 1))
    metrics["log_loss"] = Metric(
        float(losses.mean()), *mean_interval(losses, extra=2 * [np.log(len(labels))]), n, share=False
    )
    positives = np.bincount(y, minlength=len(labels))
    judged = [1] if len(labels) == 2 else list(range(len(labels)))
    judged = [k for k in judged if 0 < positives[k] < n]
    if judged:
        metrics["auroc"] = auroc(
            p[:, judged], y[:, None] == np.array(judged), omitted=len(labels) - len(judged) if len(labels) > 2 else 0
        )
    return metrics


def auroc(scores: Floats, truth: NDArray[np.bool_], *, omitted: int = 0) -> Metric:
    """Mean area under the ROC curve over K yes-or-no questions, each with at least one yes and one no.

    Args:
        scores: (N, K), higher for yes.
        truth: (N, K).
        omitted: questions that were left out, for the note.
    """
    yes = truth.sum(0)
    value, low, high = macro(roc_area, lambda areas: newcombe(areas, yes, len(truth) - yes), scores, truth)
    note = f"{omitted} without examples left out" if omitted else ""
    return Metric(value, low, high, len(scores), share=False, note=note)


def confusion(targets: ArrayLike, predicted: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    """(K, K) counts: row the true class, column the predicted one."""
    cells = np.asarray(targets, np.int64) * num_classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def surest_mistakes(probabilities: NDArray[np.floating], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the likeliest class of (N, K) is not that of `targets` (N,): positions, the surest mistake first."""
    predicted = probabilities.argmax(1)
    wrong = np.flatnonzero(predicted != targets)
    return wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")]


def per_class(targets: ArrayLike, predicted: ArrayLike, labels: Sequence[str]) -> list[dict[str, str | float | int]]:
    """scikit-learn's classification report as rows: label, precision, recall, f1 (0 where undefined), support."""
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
    return [
        {
            "label": label,
            "precision": float(report[str(k)]["precision"]),
            "recall": float(report[str(k)]["recall"]),
            "f1": float(report[str(k)]["f1-score"]),
            "support": int(report[str(k)]["support"]),
        }
        for k, label in enumerate(labels)
    ]


def _share(value: float, n: int) -> Metric:
    low, high = wilson(value, n)
    return Metric(float(value), float(low), float(high), n)


def _balanced_accuracy(counts: NDArray[np.int64]) -> Metric:
    """Mean recall of the classes that occur; Wilson's interval of each, joined, or the normal one where that is wider.

    Wilson's reach far down and little up where a class has few pictures; joined, they would end below the truth.
    """
    support = counts.sum(1)
    occurs = support > 0
    recall = counts.diagonal()[occurs] / support[occurs]
    value, low, high = mover(recall, *wilson(recall, support[occurs]))
    half = Z * float(np.sqrt((recall * (1 - recall) / support[occurs]).sum())) / len(recall)
    low, high = max(0.0, min(low, value - half)), min(1.0, max(high, value + half))
    return Metric(value, low, high, int(support.sum()), note=_left_out(occurs))


def _macro_f1(counts: NDArray[np.int64], seed: int) -> Metric:
    """Mean F1 of the classes that occur or are predicted; the interval from confusion matrices drawn like this one.

    A rare class loses much in a draw and gains little, so that the draws end below the truth: above there is at least
    as much room as below.
    """
    n, classes = int(counts.sum()), len(counts)
    occurs = (counts.sum(0) + counts.sum(1)) > 0
    value = float(_f1(counts[None])[0])
    low, high = _bootstrap_f1(counts, n, seed) if n > 1 and classes > 1 else (None, None)
    if low is not None and high is not None:
        low = min(low, value)
        high = min(1.0, max(high, 2 * value - low))
    return Metric(value, low, high, n, note=_left_out(occurs))


def _bootstrap_f1(counts: NDArray[np.int64], n: int, seed: int) -> Interval:
    # plus four: two right and two wrong answers spread over the classes as they occur (see intervals.py)
    prior = counts.sum(1) / n
    right = np.diag(prior)
    wrong = prior[:, None] * np.maximum(prior, 1e-9)[None, :] * (1 - np.eye(len(prior)))
    chances = counts + 2 * right + 2 * wrong / max(wrong.sum(), 1e-300)
    filled = np.flatnonzero(chances)  # a hundred classes confuse few of their 10,000 pairs
    chances = chances.ravel()[filled] / chances.sum()
    generator, scores = np.random.default_rng(seed), []
    step = max(1, int(1e7 // counts.size))
    for start in range(0, DRAWS, step):
        drawn = np.zeros((min(step, DRAWS - start), counts.size))
        drawn[:, filled] = generator.multinomial(n, chances, size=len(drawn))
        scores.append(_f1(drawn.reshape(-1, *counts.shape)))
    return limits(np.concatenate(scores))


def _f1(counts: NDArray[np.int64] | Floats) -> Floats:
    """Macro F1 of (D, K, K) confusion matrices."""
    right = np.diagonal(counts, axis1=1, axis2=2)
    either = counts.sum(1) + counts.sum(2)
    occurs = either > 0
    return (2 * right / np.where(occurs, either, 1)).sum(1) / np.maximum(occurs.sum(1), 1)


def _left_out(occurs: NDArray[np.bool_]) -> str:
    absent = int((~occurs).sum())
    return f"{absent} of {len(occurs)} classes without examples left out" if absent else ""


def _eps(probabilities: ArrayLike) -> float:
    """The least probability the numbers given can tell from zero: log loss stays finite, as in scikit-learn."""
    kind = np.asarray(probabilities).dtype
    return float(np.finfo(kind if kind.kind == "f" else np.float64).eps)


def _checked(probabilities: ArrayLike, targets: ArrayLike, classes: int) -> tuple[Floats, NDArray[np.int64]]:
    p, y = np.asarray(probabilities, np.float64), np.asarray(targets)
    if p.ndim != 2 or p.shape != (len(y), classes) or y.ndim != 1:
        raise InputError(
            f"probabilities of shape {p.shape} and targets of shape {y.shape} do not fit {classes} labels",
            mend="give (N, K) probabilities, (N,) targets and K labels",
        )
    if not len(y):
        raise InputError("there are no samples to judge", mend="give at least one")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= classes:
        raise InputError(f"targets must be whole numbers from 0 to {classes - 1}", mend="give positions in the labels")
    finite(p, "probabilities")
    if p.min() < 0 or np.abs(p.sum(1) - 1).max() > 0.01:
        worst = p.sum(1)[np.abs(p.sum(1) - 1).argmax()]
        raise InputError(
            "probabilities must be 0 or more and sum to 1 in each row",
            why=f"least {p.min():.3g}, a row sums to {worst:.3g}",
            mend="give softmax outputs, not logits",
        )
    return p, y.astype(np.int64)


def finite(values: Floats, what: str) -> None:
    """Refuses NaN and infinity. Raises InputError with the number of rows and the first of them."""
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1))
    if len(bad):
        raise InputError(
            f"{what} of {len(bad)} of {len(values)} samples are not finite",
            why=f"the first is sample {bad[0]}",
            mend="the model has diverged or the pictures hold NaN: train with a smaller lr, or check the data",
        )
