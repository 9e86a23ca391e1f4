"""The parts that the samples of a data set are divided into."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smalti.data.source import TEST, TRAIN, VAL
from smalti.errors import InputError

__all__ = ["Split"]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions in the source, sorted int64; with `dropped` and the unreadable samples they are all samples, each once.

    Args:
        train: what the model learns from.
        val: what choices are made by.
        test: what the reported figure is measured on, once.
        reason: where the splits come from and what was left out, as a line to print.
        dropped: readable samples in no split, because their content or their group is in another one, or because only
            a fraction was asked for.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    reason: str
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, part: NDArray[np.int8], reason: str, dropped: NDArray[np.int64]) -> Self:
        """The split of samples by their positions in SPLITS, (N,); UNASSIGNED stands for none."""
        train, val, test = (np.flatnonzero(part == place) for place in (TRAIN, VAL, TEST))
        return cls(train, val, test, reason, dropped)

    @property
    def all(self) -> NDArray[np.int64]:
        """Every readable sample, in a split or not."""
        return np.sort(np.concatenate([self.train, self.val, self.test, self.dropped]))

    @property
    def choosing(self) -> NDArray[np.int64]:
        """What a model is chosen by: val, or train where there is none."""
        return self.val if len(self.val) else self.train

    def demand_train(self, name: str) -> None:
        """Passes where there is something to learn from; raises InputError for the data of this name where not."""
        if not len(self.train):
            raise InputError("nothing readable to train on", where=name, mend="add to its train split")
