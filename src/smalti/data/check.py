"""The data check: what is in a data set, and what is wrong with it, before anything is trained.

The pictures are looked at once (`facts`); everything here is judgement on what was seen, and cheap. A problem is fatal
where training on would make the result a lie.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from smalti.data.facts import Facts, gather
from smalti.data.problems.finding import find, in_order
from smalti.data.problems.pictures import OVERSHOOT
from smalti.data.problems.splits import given
from smalti.data.source import SPLITS, TRAIN, UNASSIGNED, Problem, Source, Task
from smalti.errors import InputError

__all__ = ["Check", "Problem", "check"]

_WHITES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0, 2.0**24 - 1, 2.0**31 - 1, 2.0**32 - 1)


@dataclass(frozen=True, eq=False)
class Check:
    """What is in a data set of N samples. Counts are of readable pictures.

    Args:
        name: of the source.
        task: of the source.
        labels: of the source.
        n: all samples, N.
        counts: (4, K) int64, samples of each class (with each label) in train, val, test and in no given split; K is 0
            for regression.
        splits: (4,) int64, samples in train, val, test and in no given split.
        sizes: (3, 2) int64, smallest, median and largest height and width.
        channels: 1 where every picture is grey, also in colour files; else 3, or the number all arrays have.
        bits: the deepest stored value: 8, 16, 32 or 64.
        white: the stored value that means white in pictures that are not 8-bit, see `Preprocess`.
        mean: a value a channel, of pixels in [0, 1], over up to 2,000 pictures, of train where it is given.
        std: likewise, the deviation of the pixels.
        imbalance: largest class over smallest, of those that train has; 1 for regression.
        problems: fatal ones first; at most 1,000 of a kind.
        omitted: how many more there are, by kind.
        facts: what is known of each sample.
    """

    name: str
    task: Task
    labels: tuple[str, ...]
    n: int
    counts: NDArray[np.int64]
    splits: NDArray[np.int64]
    sizes: NDArray[np.int64]
    channels: int
    bits: int
    white: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    imbalance: float
    problems: tuple[Problem, ...]
    omitted: dict[str, int]
    facts: Facts

    @property
    def trainable(self) -> bool:
        """Whether nothing fatal was found."""
        return not self.fatal()

    def fatal(
        self, *, bad_images: Literal["stop", "skip"] = "stop", leaks: Literal["stop", "drop"] = "stop"
    ) -> tuple[Problem, ...]:
        """The problems that forbid training.

        Args:
            bad_images: "skip" trains without the unreadable pictures.
            leaks: "drop" trains without the train (and val) copies of test pictures; `split` leaves them out.
        """
        allowed = {"unreadable"} if bad_images == "skip" else set()
        allowed |= {"leak"} if leaks == "drop" else set()
        return tuple(p for p in self.problems if p.fatal and p.kind not in allowed)

    def demand(self, *, bad_images: Literal["stop", "skip"] = "stop", leaks: Literal["stop", "drop"] = "stop") -> None:
        """Passes where training may start; raises InputError with the first fatal problem and the number of others."""
        if found := self.fatal(bad_images=bad_images, leaks=leaks):
            more = len(found) - 1 + sum(self.omitted.get(kind, 0) for kind in {problem.kind for problem in found})
            why = f"and {more:,} more; see `smalti check`" if more else ""
            raise InputError(found[0].cause, where=found[0].file or self.name, why=why, mend=found[0].mend)

    def to_dict(self) -> dict[str, Any]:
        """The stable shape of `smalti check --json`: n, classes, problems, trainable, and more."""
        places = (*SPLITS, "unassigned")
        smallest, median, largest = self.sizes.tolist()
        return {
            "name": self.name,
            "task": self.task,
            "n": self.n,
            "readable": int(self.splits.sum()),
            "classes": dict(zip(self.labels, self.counts.sum(0).tolist(), strict=False)),
            "splits": {
                place: {"n": int(n), "classes": dict(zip(self.labels, row.tolist(), strict=False))}
                for place, n, row in zip(places, self.splits, self.counts, strict=True)
                if n
            },
            "sizes": {"smallest": smallest, "median": median, "largest": largest},
            "channels": self.channels,
            "bits": self.bits,
            "white": self.white,
            "mean": list(self.mean),
            "std": list(self.std),
            "imbalance": self.imbalance,
            "problems": [problem.to_dict() for problem in self.problems],
            "omitted": self.omitted,
            "trainable": self.trainable,
        }


def check(source: Source, *, progress: Callable[[int, int], None] | None = None, cached: bool = True) -> Check:
    """Looks at every picture of `source` once and says what is there and what is wrong.

    Args:
        progress: called with (pictures done, pictures in all).
        cached: whether pictures that have not changed since an earlier check are left alone.
    """
    facts = gather(source, progress=progress, cached=cached)
    places = given(source, facts)
    counts, splits = _counts(source, places)
    channels = _channels(facts)
    white = _white(facts)
    mean, std = _mean_std(facts, channels, white)
    seen = facts.sizes[facts.readable] if facts.readable.any() else np.zeros((1, 2), np.int32)
    learned = counts[TRAIN] + counts[UNASSIGNED]
    present = learned[learned > 0]
    problems, omitted = in_order(find(source, facts, places, counts, channels))
    return Check(
        name=source.name,
        task=source.task,
        labels=source.labels,
        n=len(source),
        counts=counts,
        splits=splits,
        sizes=np.stack([seen.min(0), np.median(seen, axis=0), seen.max(0)]).astype(np.int64),
        channels=channels,
        bits=int(facts.bits.max(initial=8)),
        white=white,
        mean=mean,
        std=std,
        imbalance=float(present.max() / present.min()) if len(present) else 1.0,
        problems=problems,
        omitted=omitted,
        facts=facts,
    )


def _counts(source: Source, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(4, K) samples of each class and (4,) of all, in train, val, test and in no split."""
    rows = np.zeros((4, 0 if source.task == "regress" else len(source.labels)), np.int64)
    splits = np.zeros(4, np.int64)
    for place in (*range(len(SPLITS)), UNASSIGNED):
        targets = source.targets[places == place]
        splits[place] = len(targets)
        if source.task == "classify":
            rows[place] = np.bincount(cast(NDArray[np.int64], targets), minlength=len(source.labels))
        elif source.task == "multilabel":
            rows[place] = np.count_nonzero(targets, axis=0)
    return rows, splits


def _channels(facts: Facts) -> int:
    """1 where all is grey, 3 where some is colour; of arrays with other counts the most common one."""
    bands = Counter(facts.bands[facts.readable].tolist())
    if set(bands) <= {1, 3}:
        return max(bands, default=3)
    return bands.most_common(1)[0][0]


def _white(facts: Facts) -> float:
    """The smallest usual white level that holds the highest stored value, but for what rounding and resampling put
    above it. The value itself where that level is so far above that nearly all would be black.
    """
    peak = float(facts.peaks.max(initial=0.0))
    if peak <= 0:
        return 65535.0
    white = next((white for white in _WHITES if white * (1 + OVERSHOOT) >= peak), peak)
    return white if peak >= white / 4 else peak


def _mean_std(facts: Facts, channels: int, white: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Over the sampled pictures, each of them counting the same whatever its size, as they do once they are resized."""
    grey = np.isnan(facts.moments[:, :, 1:]).all(axis=(1, 2), keepdims=True)
    moments = np.where(grey, facts.moments[:, :, :1], facts.moments)
    if moments.shape[2] == 1:
        moments = np.repeat(moments, channels, axis=2)
    scale = np.where(facts.deep[facts.sampled], white, 255.0)[:, None]
    moments = (moments / np.stack([scale, scale**2], axis=1))[:, :, :channels]
    moments = moments[np.isfinite(moments).all(axis=(1, 2))]
    if not len(moments):
        return (0.5,) * channels, (0.5,) * channels
    first, second = moments.mean(0)
    deviation = np.sqrt(np.maximum(second - first**2, 0.0))
    deviation = np.maximum(deviation, 1 / 255)  # a channel of one value must not be divided by zero
    return tuple(first.clip(0, 1).round(6).tolist()), tuple(deviation.round(6).tolist())
