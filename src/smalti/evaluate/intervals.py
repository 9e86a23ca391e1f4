"""95 % intervals that stay honest for small test sets and for models that make no mistake at all.

A plain bootstrap of 40 right answers in 40 says "100 % to 100 %". Every rule here leaves room for the mistakes that
were not drawn: score intervals (Wilson) for shares and areas, and the "plus four" rule (Agresti and Coull) before a
bootstrap.
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bootstrap_means", "expanded", "limits", "mean_interval", "mover", "newcombe", "student", "wilson"]

Floats = NDArray[np.float64]
Interval = tuple[float | None, float | None]

Z = 1.959963984540054  # the normal deviate that leaves 2.5 % on either side
TAIL = 0.025  # of the replicates that lie beyond either limit
DRAWS = 1000  # bootstrap replicates: the 2.5 % limit then rests on 25 of them


def wilson(mean: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Wilson's score interval for a share (Wilson 1927).

    It also holds for the mean of any n independent values in [0, 1]: none varies more than a yes-or-no of the same
    mean, so there it is at worst too wide.

    Args:
        mean: observed share(s) in [0, 1].
        n: samples behind each; 0 gives [0, 1].
    """
    p, n = np.asarray(mean, float), np.asarray(n, float)
    count = np.maximum(n, 1e-300)
    centre = (p * n + Z * Z / 2) / (n + Z * Z)
    half = Z * np.sqrt(count) / (count + Z * Z) * np.sqrt(p * (1 - p) + Z * Z / (4 * count))
    half = np.where(n > 0, half, 0.5)
    return np.clip(np.minimum(centre - half, p), 0, 1), np.clip(np.maximum(centre + half, p), 0, 1)


def newcombe(area: ArrayLike, positives: ArrayLike, negatives: ArrayLike) -> tuple[Floats, Floats]:
    """Score interval of an area under the ROC curve (Newcombe 2006, method 5: Hanley and McNeil's variance, inverted).

    Args:
        area: observed area(s) in [0, 1].
        positives: samples of the class, more than 0.
        negatives: the others, more than 0.
    """
    area, m, n = (np.asarray(x, float) for x in (area, positives, negatives))
    middle = np.maximum((m + n) / 2 - 1, 0)

    def deviation(theta: Floats) -> Floats:
        spread = 1 + middle * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return Z * np.sqrt(theta * (1 - theta) * spread / (m * n))

    def solve(side: float) -> Floats:
        inner, outer = area.copy(), np.full_like(area, 0.5 + side / 2)  # the limit lies between the two
        for _ in range(50):
            theta = (inner + outer) / 2
            inside = np.abs(area - theta) < deviation(theta)
            inner, outer = np.where(inside, theta, inner), np.where(inside, outer, theta)
        return (inner + outer) / 2

    return solve(-1.0), solve(+1.0)


def mover(values: Floats, low: Floats, high: Floats) -> tuple[float, float, float]:
    """The mean of independent estimates with the interval that follows from theirs (MOVER: Zou and Donner 2008).

    Returns:
        mean, low, high.
    """
    mean = float(values.mean())
    below, above = (float(np.sqrt(((values - limit) ** 2).sum()) / len(values)) for limit in (low, high))
    return mean, mean - below, mean + above


def mean_interval(values: Floats, *, extra: Sequence[float] = (), effect: float = 1.0) -> Interval:
    """Normal interval of a mean of values that are never below 0; (None, None) for a single one, which has no spread.

    Args:
        values: (N,).
        extra: pseudo-values that widen the upper side: a loss that one sample in a thousand makes large looks too sure
            as long as that sample was not drawn.
        effect: the design effect of groups (see groups.py).
    """
    n = len(values)
    if n < 2:
        return None, None
    mean, wary, root = float(values.mean()), np.concatenate([values, extra]), (n / effect) ** 0.5
    low = mean - Z * float(values.std(ddof=1)) / root
    high = max(mean, float(wary.mean())) + Z * float(wary.std(ddof=1)) / root
    return max(low, 0.0), high


def bootstrap_means(
    rows: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    extra: ArrayLike = (),
    tail: float = TAIL,
    seed: int = 0,
    groups: NDArray[np.int64] | None = None,
) -> Interval:
    """Percentile bootstrap (Efron) of a function of means: resamples the rows, vectorised over the draws.

    Args:
        rows: (N, M), the quantities of each sample whose means the statistic is made of.
        statistic: (D, M) means to (D,) values.
        extra: pseudo-samples (M,) put beside the real ones before drawing; two right and two wrong ones are the
            "plus four" rule that keeps an interval open when no mistake was seen.
        tail: share of the draws beyond either limit.
        seed: of the draws.
        groups: (N,) numbers from 0; whole groups are drawn then, a pseudo-sample stands for one of the usual size, and
            the tails are those of `expanded`.

    Returns:
        low, high; (None, None) for fewer than two samples or groups.
    """
    wary = np.asarray(extra, float).reshape(-1, rows.shape[1])
    if groups is not None:  # sums and sizes, so that a mean of samples is a ratio of means of groups
        rows, wary = (np.column_stack([x, np.ones(len(x))]) for x in (rows, wary))
        rows = np.stack([np.bincount(groups, column).astype(float) for column in rows.T], 1)
        whole, wary = statistic, wary * rows[:, -1].mean()
        return bootstrap_means(
            rows,
            lambda means: whole(means[:, :-1] / means[:, -1:]),
            extra=wary,
            tail=expanded(len(rows)) if len(rows) > 1 else tail,
            seed=seed,
        )
    n = len(rows)
    if n < 2:
        return None, None
    rows = np.concatenate([rows, wary])
    draws = int(np.clip(4e7 / n, 100, DRAWS))  # past 40,000 samples the means are normal and fewer draws tell as much
    generator = np.random.default_rng(seed)
    step = max(1, 1_000_000 // n)  # as many draws at a time as fit the cache comfortably
    means = [
        rows.take(generator.integers(len(rows), size=(min(step, draws - i), n), dtype=np.int32), axis=0).mean(axis=1)
        for i in range(0, draws, step)
    ]
    return limits(statistic(np.concatenate(means)), tail)


def expanded(n: int) -> float:
    """The tail of a percentile interval of n samples, 2 or more, that makes it as wide as Student's t would have it.
    The plain one is too narrow, by its normal deviates and by a spread without Bessel's correction (Hesterberg,
    arXiv:1411.5279).
    """
    return NormalDist().cdf(-student(n - 1) * (n / (n - 1)) ** 0.5)


def student(v: float) -> float:
    """Student's deviate of v degrees of freedom that leaves 2.5 % on either side (expansion of Cornish and Fisher)."""
    z = Z
    t = z + (z**3 + z) / (4 * v)
    return t + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2) + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)


def limits(replicates: Floats, tail: float = TAIL) -> Interval:
    """The middle of bootstrap replicates, without a tail on either side; undefined ones (NaN) are left out."""
    replicates = replicates[np.isfinite(replicates)]
    if not len(replicates):
        return None, None
    low, high = np.quantile(replicates, (tail, 1 - tail))
    return float(low), float(high)
