"""How good are one-of-K answers? Every figure with its interval.

Legend: N samples, K classes. Figures agree with scikit-learn's of the same name wherever both are defined.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.errors import InputError
from smalti.evaluate.groups import Groups, design_effect, groups_of, in_groups
from smalti.evaluate.intervals import DRAWS, Floats, Interval, Z, limits, mean_interval, mover, newcombe, wilson
from smalti.evaluate.metrics import Metric
from smalti.evaluate.ranking import macro, roc_area

__all__ = ["classification_metrics", "confusion", "per_class", "surest_mistakes"]


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
    metrics["balanced_accuracy"] = _balanced_accuracy(y, guess, len(labels), groups)
    metrics["macro_f1"] = _macro_f1(y, guess, len(labels), groups, seed)
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


def _balanced_accuracy(y: NDArray[np.int64], guess: NDArray[np.int64], classes: int, groups: Groups) -> Metric:
    """Mean recall of the classes that occur; Wilson's interval of each, joined, or the normal one where that is wider.

    Wilson's reach far down and little up where a class has few pictures; joined, they would end below the truth.
    """
    support = np.bincount(y, minlength=classes)
    occurs = support > 0
    recalls = np.bincount(y, guess == y, classes) / np.maximum(support, 1)
    effect = design_effect(((guess == y) - recalls[y]) / support[y], groups)
    recall, support = recalls[occurs], support[occurs] / effect
    value, low, high = mover(recall, *wilson(recall, support))
    half = Z * float(np.sqrt((recall * (1 - recall) / support).sum())) / len(recall)
    low, high = max(0.0, min(low, value - half)), min(1.0, max(high, value + half))
    return Metric(value, low, high, len(y), note=_left_out(occurs))


def _macro_f1(y: NDArray[np.int64], guess: NDArray[np.int64], classes: int, groups: Groups, seed: int) -> Metric:
    """Mean F1 of the classes that occur or are predicted; the interval from confusion matrices drawn like this one.

    A rare class loses much in a draw and gains little, so that the draws end below the truth: above there is at least
    as much room as below. Groups take both ends further away.
    """
    counts, n = confusion(y, guess, classes), len(y)
    either = counts.sum(0) + counts.sum(1)
    occurs = either > 0
    f1 = 2 * counts.diagonal() / np.maximum(either, 1)
    value = float(f1[occurs].mean())
    low, high = _bootstrap_f1(counts, n, seed) if n > 1 and classes > 1 else (None, None)
    if low is not None and high is not None:
        each = f1 / np.maximum(either, 1)  # the derivative of 2 right / either, but for a factor
        influence = 2 * (guess == y) / either[y] - each[y] - each[guess]
        reach = design_effect(influence, groups) ** 0.5
        low = max(0.0, value - reach * max(value - low, 0.0))
        high = min(1.0, max(value + reach * (high - value), 2 * value - low))
    return Metric(value, low, high, n, note=_left_out(occurs))


def _bootstrap_f1(counts: NDArray[np.int64], n: int, seed: int) -> Interval:
    # plus four: two right and two wrong answers spread over the classes as they occur (see intervals.py). The wrong
    # ones may fall anywhere: they are one cell of the draw, "elsewhere", and the few that it gets are spread afterwards
    classes, prior = len(counts), counts.sum(1) / n
    chances = counts + 2 * np.diag(prior)
    true, said = np.nonzero(chances)  # a thousand classes confuse few of their million pairs
    chances = np.append(chances[true, said], 2.0) / (n + 4)
    hits, generator, scores = true == said, np.random.default_rng(seed), []
    step = max(1, int(2e6 // len(chances)))
    for start in range(0, DRAWS, step):
        drawn = generator.multinomial(n, chances, size=min(step, DRAWS - start))  # (D, cells)
        owner = np.repeat(np.arange(len(drawn)), drawn[:, -1])
        either = _per_class(drawn[:, :-1], true, classes) + _per_class(drawn[:, :-1], said, classes)  # (D, K)
        for wrong in _wrong_answers(prior, len(owner), generator):
            np.add.at(either, (owner, wrong), 1)
        occurs = either > 0
        f1 = 2 * _per_class(drawn[:, :-1][:, hits], true[hits], classes) / np.where(occurs, either, 1)
        scores.append(f1.sum(1) / np.maximum(occurs.sum(1), 1))
    return limits(np.concatenate(scores))


def _per_class(drawn: NDArray[np.int64], cells: NDArray[np.intp], classes: int) -> Floats:
    """Sums (D, K) of counts (D, cells) over the cells of each class."""
    places = cells + classes * np.arange(len(drawn))[:, None]
    sums = np.bincount(places.ravel(), drawn.ravel(), len(drawn) * classes)
    return sums.astype(np.float64, copy=False).reshape(-1, classes)


def _wrong_answers(prior: Floats, size: int, generator: np.random.Generator) -> tuple[NDArray[np.intp], ...]:
    """True and predicted classes of wrong answers, each drawn as the classes occur, but for that the two differ."""
    said = np.maximum(prior, 1e-9)  # where one class alone occurs, the others are predicted
    ends = said.cumsum()
    others = prior * (ends[-1] - said)
    true = generator.choice(len(prior), size, p=others / others.sum())
    place = generator.random(size) * (ends[-1] - said[true])
    place += np.where(place >= ends[true] - said[true], said[true], 0)  # jumps over the true class
    return true, np.minimum(np.searchsorted(ends, place, side="right"), len(prior) - 1)


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
