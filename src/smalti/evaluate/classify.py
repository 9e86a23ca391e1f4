"""How good are one-of-K answers? Every figure with its interval.

Legend: N samples, K classes. Figures agree with scikit-learn's of the same name wherever both are defined.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.errors import InputError
from smalti.evaluate.class_means import balanced_accuracy, macro_f1
from smalti.evaluate.groups import Groups, design_effect, groups_of, in_groups
from smalti.evaluate.intervals import Floats, mean_interval, newcombe, wilson
from smalti.evaluate.metrics import Metric
from smalti.evaluate.ranking import macro, roc_area

__all__ = ["auroc", "classification_metrics", "finite", "share"]


def classification_metrics(
    probabilities: ArrayLike,
    targets: ArrayLike,
    labels: Sequence[str],
    *,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
) -> dict[str, Metric]:
    """The figures of a classifier on N samples.

    Args:
        probabilities: (N, K), each row sums to 1.
        targets: (N,) positions in `labels`.
        labels: the K class names.
        groups: (N,) numbers, equal where samples are of one group (a patient, a video); None where each stands alone.
        seed: of the bootstrap behind the interval of macro F1.

    Returns:
        accuracy; top5_accuracy, with more than 5 classes; balanced_accuracy and macro_f1; log_loss in nats; auroc (of
        the second class with two classes, else the mean of one-vs-rest), where some class has both members and
        others.

    Raises:
        InputError: shapes that do not fit, targets outside of the labels, probabilities that are none.
    """
    p, y = _checked(probabilities, targets, len(labels))
    n, eps, groups = len(y), _eps(probabilities), groups_of(groups)
    right, guess = p[np.arange(n), y], p.argmax(1)

    metrics = {"accuracy": share(guess == y, groups)}
    if len(labels) > 5:
        ahead = (p > right[:, None]) | ((p == right[:, None]) & (np.arange(p.shape[1]) < y[:, None]))
        metrics["top5_accuracy"] = share(ahead.sum(1) < 5, groups)
    metrics["balanced_accuracy"] = balanced_accuracy(y, guess, len(labels), groups)
    metrics["macro_f1"] = macro_f1(y, guess, len(labels), groups, seed)
    losses = -np.log(np.clip(right, eps, 1))
    effect = design_effect(losses - losses.mean(), groups)
    ends = mean_interval(losses, extra=2 * [np.log(len(labels))], effect=effect)
    metrics["log_loss"] = Metric(float(losses.mean()), *ends, n, share=False)
    positives = np.bincount(y, minlength=len(labels))
    judged = [1] if len(labels) == 2 else list(range(len(labels)))
    judged = [k for k in judged if 0 < positives[k] < n]
    if judged:
        metrics["auroc"] = auroc(
            p[:, judged],
            y[:, None] == np.array(judged),
            groups,
            omitted=len(labels) - len(judged) if len(labels) > 2 else 0,
        )
    return in_groups(metrics, groups)


def share(values: NDArray[np.bool_] | Floats, groups: Groups) -> Metric:
    """The mean of values (N,) in [0, 1], with Wilson's interval of as many independent ones as they tell as much as."""
    n, value = len(values), float(values.mean())
    influence = np.asarray(values, np.float64) - value
    low, high = wilson(value, n / design_effect(influence, groups))
    return Metric(value, float(low), float(high), n)


def auroc(scores: Floats, truth: NDArray[np.bool_], groups: Groups, *, omitted: int = 0) -> Metric:
    """Mean area under the ROC curve over K yes-or-no questions, each with at least one yes and one no.

    Args:
        scores: (N, K), higher for yes.
        truth: (N, K).
        groups: (N,).
        omitted: questions that were left out, for the note.
    """
    yes = truth.sum(0)
    no = len(truth) - yes
    value, low, high = macro(
        roc_area, lambda areas, effect: newcombe(areas, yes / effect, no / effect), scores, truth, groups
    )
    note = f"{omitted} without examples left out" if omitted else ""
    return Metric(value, low, high, len(scores), share=False, note=note)


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
