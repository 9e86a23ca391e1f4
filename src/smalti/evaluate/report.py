"""What is told of a model on one page: plain data. `evaluate.page` makes the page of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.evaluate.metrics import Metric

__all__ = ["DataSummary", "Mistake", "Report", "Timing"]

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class DataSummary:
    """What the model was made from, or measured on.

    Args:
        name: what the person called the data.
        splits: samples a split, by name ("train", "val", "test"), and why they were split so in `split_reason`.
        classes: (label, samples) each.
        smallest: (height, width) of the smallest picture, in pixels.
        largest: likewise.
        channels: 1 for grey, 3 for colour, ...
        problems: one line each, of what the check found.
        split_reason: how the split came about.
    """

    name: str
    splits: Mapping[str, int] = field(default_factory=dict)
    classes: Sequence[tuple[str, int]] = ()
    smallest: tuple[int, int] | None = None
    largest: tuple[int, int] | None = None
    channels: int | None = None
    problems: Sequence[str] = ()
    split_reason: str = ""


MISTAKES = 24  # that a report shows
SHEET_CLASSES = 24  # of which it shows training pictures


@dataclass(frozen=True)
class Mistake:
    """A wrong answer given with confidence.

    Args:
        sample: a picture, uint8 (H, W) or (H, W, C), or a text.
        name: the file, if it is one.
        target: the true label or value.
        predicted: what the model said.
        probability: how sure it was, in [0, 1]; None for regression.
    """

    sample: Picture | str
    name: str
    target: str
    predicted: str
    probability: float | None = None


@dataclass(frozen=True)
class Timing:
    """Where the time went, in seconds.

    Args:
        data: opening, checking and reading.
        train: training, validation passes included.
        evaluate: the evaluation on the test data.
        images_per_second: training speed.
        hardware: the machine in words ("2 CPU cores").
        peak_memory: bytes.
    """

    data: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0
    images_per_second: float | None = None
    hardware: str = ""
    peak_memory: int | None = None


@dataclass(frozen=True)
class Report:
    """Everything the page shows. Only the title, the task and the metrics are needed.

    Args:
        title: heading of the page.
        task: what the targets mean.
        metrics: the figures, as `classification_metrics` and its siblings give them, best first.
        split: what was evaluated, as the model knows it: "test" (never seen in training), "val", "train" or "all" of
            the data it was trained on, "other" data, or "" where nothing is known of it.
        model: name of the preset or of the model file.
        parameters: numbers the model has learned.
        labels: names of the classes, label columns or targets.
        confusion: (K, K) counts, row true, column predicted.
        per_class: rows of `per_class`, `per_label` or `per_target`.
        mistakes: worst first.
        scatter: regression: (targets, predictions), each (N,) or (N, T).
        trained_on: name of the data the model was trained on.
        data: what is described: the data of the run, or what was measured.
        samples: (label, training pictures) each.
        choices: (name, value, reason) each.
        curves: rows of metrics.jsonl: step, epoch, seconds, loss, val_loss, val_accuracy, lr, ...
        timing: where the time went.
        run: the run folder or model file, for the commands that use it.
        versions: (name, version) of what made it.
        command: the command line that made it.
        unit: what was judged, several of them.
        texts: (title, text) each, that the model wrote.
    """

    title: str
    task: str
    metrics: Mapping[str, Metric]
    split: str = ""
    model: str = ""
    parameters: int | None = None
    labels: Sequence[str] = ()
    confusion: NDArray[np.int64] | None = None
    per_class: Sequence[Mapping[str, Any]] = ()
    mistakes: Sequence[Mistake] = ()
    scatter: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None
    trained_on: str = ""
    data: DataSummary | None = None
    samples: Sequence[tuple[str, Sequence[Picture]]] = ()
    choices: Sequence[tuple[str, str, str]] = ()
    curves: Sequence[Mapping[str, Any]] = ()
    timing: Timing | None = None
    run: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    unit: str = "pictures"
    texts: Sequence[tuple[str, str]] = ()
