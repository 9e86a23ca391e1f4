"""How far off are predicted quantities? Every figure with its interval.

Legend: N samples, T targets. Figures agree with scikit-learn's of the same name (uniform average over targets).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.errors import InputError
from smalti.evaluate.classify import finite
from smalti.evaluate.groups import groups_of, in_groups
from smalti.evaluate.intervals import Floats, bootstrap_means, expanded
from smalti.evaluate.metrics import Metric

__all__ = ["per_target", "r2_score", "regression_metrics"]


def regression_metrics(
    predictions: ArrayLike, targets: ArrayLike, *, groups: NDArray[np.integer] | None = None, seed: int = 0
) -> dict[str, Metric]:
    """The figures of a regression model on N samples, means over the T targets.

    Args:
        predictions: (N, T) or (N,), in the unit of the targets.
        targets: the same shape.
        groups: (N,) numbers, equal where samples are of one group (a patient, a video); None where each stands alone.
        seed: of the bootstrap behind the intervals.

    Returns:
        mae and rmse in the unit of the targets; r2 (1 is perfect, 0 no better than the mean), where a target varies.
        With several targets r2 comes first: it has no unit, whereas theirs may differ.

    Raises:
        InputError: shapes that do not fit, values that are not finite.
    """
    x, y = _checked(predictions, targets)
    n, groups = len(y), groups_of(groups)
    error = x - y
    typical = np.sqrt((error**2).mean(0))

    def metric(value: float, rows: Floats, statistic: Callable[[Floats], Floats], wary: ArrayLike, note: str) -> Metric:
        """The figure; `wary` are samples that the upper limit reckons with though they were not drawn."""
        if n < 2:
            return Metric(value, None, None, n, share=False, note=note)
        drawn = {"tail": expanded(n), "seed": seed, "groups": groups}
        low, _ = bootstrap_means(rows, statistic, **drawn)
        _, high = bootstrap_means(rows, statistic, extra=wary, **drawn)
        low, high = None if low is None else min(low, value), None if high is None else max(high, value)
        return Metric(value, low, high, n, share=False, note=note)

    several = y.shape[1] > 1
    note = f"mean over {y.shape[1]} targets, each in its own unit" if several else ""
    metrics = {  # wary of one error of twice the usual size
        "mae": metric(float(np.abs(error).mean()), np.abs(error), lambda m: m.mean(1), 2 * typical, note),
        "rmse": metric(float(typical.mean()), error**2, lambda m: np.sqrt(m).mean(1), 4 * typical**2, note),
    }
    varies = np.ptp(y, axis=0) > 0
    if varies.any():
        fixed = int((~varies).sum())
        centred = y[:, varies] - y[:, varies].mean(0)  # the variance does not mind, the rounding does
        rows = np.concatenate([error[:, varies] ** 2, centred, centred**2], 1)

        def r2(means: Floats) -> Floats:
            wrong, mean, square = np.split(means, 3, axis=1)
            spread = square - mean**2
            return (1 - wrong / np.where(spread > 0, spread, np.nan)).mean(1)

        off, spread = typical[varies] ** 2, centred.std(0)
        wide = [[*off, *(side * spread), *(4 * spread**2)] for side in (-2, 2)]  # targets far out on either side
        note = f"{fixed} of {len(varies)} targets that never change left out" if fixed else ""
        found = {"r2": metric(r2_score(x, y), rows, r2, wide, note)}
        metrics = found | metrics if several else metrics | found
    return in_groups(metrics, groups)


def r2_score(predictions: Floats, targets: Floats) -> float:
    """R2 of (N, T) predictions, the mean over the targets that vary; NaN where none does."""
    wrong = ((predictions - targets) ** 2).mean(0)
    spread = targets.var(0)
    varies = np.ptp(targets, axis=0) > 0
    return float((1 - wrong[varies] / spread[varies]).mean()) if varies.any() else float("nan")


def per_target(
    predictions: ArrayLike, targets: ArrayLike, labels: Sequence[str]
) -> list[dict[str, str | float | None]]:
    """Rows of label, mae, rmse and r2 (None where the target never changes), one a target."""
    x, y = _checked(predictions, targets)
    rows: list[dict[str, str | float | None]] = []
    for k, label in enumerate(labels):
        error, r2 = x[:, k] - y[:, k], r2_score(x[:, [k]], y[:, [k]])
        rows.append(
            {
                "label": label,
                "mae": float(np.abs(error).mean()),
                "rmse": float(np.sqrt((error**2).mean())),
                "r2": None if np.isnan(r2) else r2,
            }
        )
    return rows


def _checked(predictions: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(predictions, np.float64), np.asarray(targets, np.float64)
    if x.shape != y.shape or x.ndim not in (1, 2):
        raise InputError(
            f"predictions of shape {x.shape} and targets of shape {y.shape} do not fit",
            mend="give both as (N, T)",
        )
    if not len(y):
        raise InputError("there are no samples to judge", mend="give at least one")
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    finite(x, "predictions")
    finite(y, "targets")
    return x, y
