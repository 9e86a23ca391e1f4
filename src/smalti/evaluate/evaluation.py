"""A trained model measured on a part of a data set: figures, tables, and the mistakes it was surest of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import normalize

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from smalti.data.batches import Batches
from smalti.data.decoding.decode import decode
from smalti.data.pictures import Pictures
from smalti.data.preprocess import Preprocess
from smalti.data.source import Source
from smalti.errors import InputError, few
from smalti.evaluate.classify import classification_metrics
from smalti.evaluate.confusion import confusion, per_class, surest_mistakes
from smalti.evaluate.groups import groups_at
from smalti.evaluate.metrics import Metric
from smalti.evaluate.multilabel import multilabel_metrics, per_label
from smalti.evaluate.outputs import (
    Outputs,
    collect,
    mean_raw,
    mean_sigmoid,
    mean_softmax,
    sigmoid,
    softmax,
)
from smalti.evaluate.regress import per_target, regression_metrics
from smalti.evaluate.report import MISTAKES, Mistake
from smalti.ready import Model
from smalti.ready_text import TextModel

__all__ = ["Evaluation", "evaluate_on", "match_labels", "thumbnail"]

THUMBNAIL = 160  # pixels of the longer side of a picture in the report


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Args:
        n: pictures.
        metrics: figures with their intervals, the headline first.
        labels: names of the outputs.
        table: a row a class, label or target.
        confusion: (K, K) counts, true by predicted; single-label only.
        mistakes: the wrong answers the model was surest of (for regression the largest errors), worst first.
        outputs: the raw answers.
    """

    n: int
    metrics: dict[str, Metric]
    labels: tuple[str, ...]
    table: Sequence[Mapping[str, Any]]
    confusion: NDArray[np.int64] | None
    mistakes: tuple[Mistake, ...]
    outputs: Outputs

    def to_dict(self) -> dict[str, Any]:
        """The stable shape of `evaluate --json`."""
        return {
            "n": self.n,
            "metrics": {name: metric.to_dict() for name, metric in self.metrics.items()},
            "classes": list(self.table),
            "confusion": None if self.confusion is None else self.confusion.tolist(),
        }


def evaluate_on(
    model: Model, source: Source, indices: NDArray[np.int64], *, pictures: Pictures | None = None, batch_size: int = 128
) -> Evaluation:
    """Measures `model` on the samples `indices` of `source`, whose labels the model must know (`match_labels`).

    Args:
        model: as it is used, in the precision it was loaded in.
        source: the data.
        indices: (N,) positions.
        pictures: where they are in memory already.
        batch_size: pictures at a time.
    """
    pictures = pictures or Pictures(source, model.preprocess)
    device = next(model.module.parameters()).device
    batches = Batches(pictures, indices, batch_size=batch_size, device=device)
    outputs = collect(model.module, batches, views=model.views, average=AVERAGES[model.task])
    if source.labels != model.labels:
        places = {label: k for k, label in enumerate(model.labels)}
        outputs = replace(outputs, logits=outputs.logits[:, [places[label] for label in source.labels]])
    return MEASURES[model.task](model, source, outputs)


def match_labels(source: Source, model: Model | TextModel) -> Source:
    """`source` with its targets renumbered, by name, to the model's labels. Of a multi-label set those labels alone
    that it has: nobody can tell whether the others are absent or were not looked for.

    Raises:
        InputError: the model has no labels, the task differs, the source has a label the model does not know, or lacks
            a target of a regression.
    """
    if not model.labels:
        raise InputError(
            "this model has no labels, it gives features",
            mend="smalti probe MODEL DATA measures those; smalti train DATA --from MODEL teaches it labels",
        )
    if source.task != model.task:
        raise InputError(
            f"the data is for {source.task}, the model for {model.task}",
            where=source.name,
            mend="use data of the model's kind",
        )
    spelled = {normalize("NFC", label): label for label in model.labels} | {label: label for label in model.labels}
    names = (spelled.get(label, spelled.get(normalize("NFC", label), label)) for label in source.labels)
    source = replace(source, labels=tuple(names))  # accents as the model has them: a Mac writes them apart
    unknown = [label for label in source.labels if label not in model.labels]
    if unknown:
        raise InputError(
            f"{len(unknown)} of its {len(source.labels)} labels are unknown to the model: {few(unknown)}",
            where=source.name,
            mend=f"the model knows {few(model.labels)}",
        )
    if source.task == "classify":
        positions = np.array([model.labels.index(label) for label in source.labels], np.int64)
        return replace(source, labels=model.labels, targets=positions[source.targets.astype(np.int64)])
    lacking = [label for label in model.labels if label not in source.labels]
    if lacking and source.task == "regress":
        raise InputError(
            f"lacks {len(lacking)} of the model's {len(model.labels)} targets: {few(lacking)}",
            where=source.name,
            mend="give a column for each",
        )
    shared = tuple(label for label in model.labels if label in source.labels)
    columns = [source.labels.index(label) for label in shared]
    return replace(source, labels=shared, targets=source.targets[:, columns])


def measure_classes(model: Model, source: Source, outputs: Outputs) -> Evaluation:
    """Single-label figures."""
    probabilities, targets = softmax(outputs.logits), outputs.targets.astype(np.int64)
    predicted, groups = probabilities.argmax(1), groups_at(source, outputs.ids)
    mistakes = tuple(
        Mistake(
            thumbnail(source, int(outputs.ids[i]), model.preprocess),
            source.names[int(outputs.ids[i])],
            source.labels[targets[i]],
            source.labels[predicted[i]],
            float(probabilities[i, predicted[i]]),
        )
        for i in surest_mistakes(probabilities, targets)[:MISTAKES]
    )
    return Evaluation(
        len(outputs),
        classification_metrics(probabilities, targets, source.labels, groups=groups),
        source.labels,
        per_class(targets, predicted, source.labels, groups=groups),
        confusion(targets, predicted, len(source.labels)),
        mistakes,
        outputs,
    )


def measure_labels(model: Model, source: Source, outputs: Outputs) -> Evaluation:
    """Multi-label figures."""
    probabilities, targets = sigmoid(outputs.logits), np.asarray(outputs.targets, bool)
    groups = groups_at(source, outputs.ids)
    doubt = np.abs(probabilities - targets).max(1)  # how sure it was of its most wrong label
    worst = [i for i in np.argsort(-doubt, kind="stable")[:MISTAKES] if doubt[i] > 0.5]
    mistakes = tuple(
        Mistake(
            thumbnail(source, int(outputs.ids[i]), model.preprocess),
            source.names[int(outputs.ids[i])],
            named(source.labels, targets[i]),
            named(source.labels, probabilities[i] >= 0.5),
            float(doubt[i]),
        )
        for i in worst
    )
    return Evaluation(
        len(outputs),
        multilabel_metrics(probabilities, targets, groups=groups),
        source.labels,
        per_label(probabilities, targets, source.labels, groups=groups),
        None,
        mistakes,
        outputs,
    )


def measure_values(model: Model, source: Source, outputs: Outputs) -> Evaluation:
    """Regression figures."""
    values, targets = outputs.logits.astype(np.float64), np.asarray(outputs.targets, np.float64)
    deviation = targets.std(0)  # each target has its own unit
    error = (np.abs(values - targets) / np.where(deviation > 0, deviation, 1)).max(1)
    mistakes = tuple(
        Mistake(
            thumbnail(source, int(outputs.ids[i]), model.preprocess),
            source.names[int(outputs.ids[i])],
            ", ".join(f"{value:.4g}" for value in targets[i]),
            ", ".join(f"{value:.4g}" for value in values[i]),
        )
        for i in np.argsort(-error, kind="stable")[:MISTAKES]
    )
    return Evaluation(
        len(outputs),
        regression_metrics(values, targets, groups=groups_at(source, outputs.ids)),
        source.labels,
        per_target(values, targets, source.labels),
        None,
        mistakes,
        outputs,
    )


AVERAGES = {"classify": mean_softmax, "multilabel": mean_sigmoid, "regress": mean_raw}
MEASURES = {"classify": measure_classes, "multilabel": measure_labels, "regress": measure_values}


def named(labels: Sequence[str], present: NDArray[np.bool_]) -> str:
    """The labels that are present, in words."""
    return ", ".join(label for label, here in zip(labels, present, strict=True) if here) or "none"


def thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """The size of a picture whose longer side is at most 160 pixels."""
    scale = min(1.0, THUMBNAIL / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def thumbnail(source: Source, index: int, rule: Preprocess) -> NDArray[np.uint8]:
    """A sample as a person should see it: uint8 (H, W, C), its own shape and channels, the longer side at most 160
    pixels."""
    image = decode(source.read(index), rule.in_chans, white=rule.white, target=thumbnail_size)
    size = thumbnail_size(*image.shape[-2:])
    if size != tuple(image.shape[-2:]):
        image = F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
    return image.permute(1, 2, 0).contiguous().to(torch.uint8).numpy()
