"""Means over the classes, to which a rare class counts as much as a common one: balanced accuracy and macro F1.

Legend: N samples, K classes, D draws.
"""

import numpy as np
from numpy.typing import NDArray

from smalti.evaluate.confusion import confusion
from smalti.evaluate.groups import Groups, design_effect
from smalti.evaluate.intervals import DRAWS, Floats, Interval, Z, limits, mover, wilson
from smalti.evaluate.metrics import Metric

__all__ = ["balanced_accuracy", "macro_f1"]


def balanced_accuracy(y: NDArray[np.int64], guess: NDArray[np.int64], classes: int, groups: Groups) -> Metric:
    """Mean recall of the classes that occur; Wilson's interval of each, joined, or the normal one where that is wider.

    Wilson's reach far down and little up where a class has few pictures; joined, they would end below the truth.

    Args:
        y: (N,) the true classes, numbered from 0.
        guess: (N,) the predicted ones.
        classes: K.
        groups: (N,).
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


def macro_f1(y: NDArray[np.int64], guess: NDArray[np.int64], classes: int, groups: Groups, seed: int) -> Metric:
    """Mean F1 of the classes that occur or are predicted; the interval from confusion matrices drawn like this one.

    A rare class loses much in a draw and gains little, so that the draws end below the truth: above there is at least
    as much room as below. Groups take both ends further away.

    Args:
        y: (N,) the true classes, numbered from 0.
        guess: (N,) the predicted ones.
        classes: K.
        groups: (N,).
        seed: of the draws.
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
