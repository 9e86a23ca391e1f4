"""What the training loop asks after each validation pass: cheap numbers, by name.

An evaluator is called with a model and yields (name, value) pairs. `best` names the one that chooses the checkpoint
to keep, and whether the largest or the smallest value is best. A model that has diverged yields NaN here instead of
an error: the loop deals with it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from smalti.evaluate.multilabel import mean_average_precision
from smalti.evaluate.outputs import (
    Average,
    Batch,
    Outputs,
    collect,
    mean_raw,
    mean_sigmoid,
    mean_softmax,
)
from smalti.evaluate.regress import r2_score
from smalti.nn.precision import Precision

__all__ = ["Best", "ClassifyEvaluator", "MultilabelEvaluator", "RegressEvaluator"]

Best = tuple[str, Literal["max", "min"]]


@dataclass(frozen=True)
class _Evaluator:
    """Runs the model over the validation batches.

    Args:
        batches: evaluation batches, iterated anew at each call.
        precision: the type to compute in, as in `collect`.
    """

    batches: Iterable[Batch]
    precision: Precision = field(default="fp32", kw_only=True)

    def _collect(self, model: nn.Module, average: Average) -> Outputs:
        return collect(model, self.batches, average=average, precision=self.precision)


class ClassifyEvaluator(_Evaluator):
    """One of K: "loss" (cross-entropy, without label smoothing), "accuracy", and its standard error. That is of two
    right and two wrong answers more (Agresti and Coull 1998): without them it is 0 where all are right, and an early
    model with luck would be the best for good."""

    best: ClassVar[Best] = ("accuracy", "max")

    def __call__(self, model: nn.Module) -> Iterator[tuple[str, float]]:
        """Yields loss, accuracy and accuracy_error of `model`."""
        outputs = self._collect(model, mean_softmax)
        logits, targets = torch.from_numpy(outputs.logits), torch.from_numpy(outputs.targets)
        yield "loss", float(F.cross_entropy(logits, targets))
        right, n = int((logits.argmax(-1) == targets).sum()), len(targets)
        yield "accuracy", right / n
        share = (right + 2) / (n + 4)
        yield "accuracy_error", math.sqrt(share * (1 - share) / (n + 4))


class MultilabelEvaluator(_Evaluator):
    """Any of K: "loss" (binary cross-entropy), "map" (mean average precision over the labels with positives), and its
    standard error."""

    best: ClassVar[Best] = ("map", "max")

    def __call__(self, model: nn.Module) -> Iterator[tuple[str, float]]:
        """Yields loss, mean average precision and map_error of `model`."""
        outputs = self._collect(model, mean_sigmoid)
        logits, targets = torch.from_numpy(outputs.logits), torch.from_numpy(outputs.targets)
        yield "loss", float(F.binary_cross_entropy_with_logits(logits, targets))
        finite = bool(logits.isfinite().all())
        value, error = mean_average_precision(outputs.logits, targets.bool().numpy()) if finite else (math.nan, 0.0)
        yield "map", value
        yield "map_error", error


class RegressEvaluator(_Evaluator):
    """Quantities: "loss" (mean squared error) and its standard error, "mae", and "r2"; in the unit of the targets it is
    given, which are those of a run in deviations over its training pictures."""

    best: ClassVar[Best] = ("loss", "min")

    def __call__(self, model: nn.Module) -> Iterator[tuple[str, float]]:
        """Yields loss, loss_error, mean absolute error and R2 of `model`."""
        outputs = self._collect(model, mean_raw)
        predictions, targets = outputs.logits.astype(np.float64), np.asarray(outputs.targets, np.float64)
        error = predictions - targets
        squared = (error**2).mean(1)
        yield "loss", float(squared.mean())
        yield "loss_error", float(squared.std() / math.sqrt(len(squared)))
        yield "mae", float(np.abs(error).mean())
        yield "r2", r2_score(predictions, targets)
