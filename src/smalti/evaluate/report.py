"""One page that says how good a model is, what it was made from and how to use it: a single file that opens offline.

`Report` is plain data; a part that is empty leaves its section out, so that the same page serves a training run and a
lone evaluation. The page is `report.html.jinja` with `report.css`; every name in it is escaped there.
"""

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.errors import printable
from smalti.evaluate.charts import confusion_chart, curve_chart, scatter_chart
from smalti.evaluate.intervals import wilson
from smalti.evaluate.metrics import Metric, number, percent
from smalti.evaluate.pictures import inline_picture
from smalti.files import write_durably

__all__ = ["DataSummary", "Mistake", "Report", "Timing", "render", "write_report"]

Picture = NDArray[np.uint8]

SHEET = 96  # pictures on the sample sheet, over all classes
SHEET_CLASSES = 24


@dataclass(frozen=True)
class DataSummary:
    """What the model was made from.

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


@dataclass(frozen=True)
class Mistake:
    """A wrong answer given with confidence.

    Args:
        picture: uint8 (H, W) or (H, W, C).
        name: the file.
        target: the true label or value.
        predicted: what the model said.
        probability: how sure it was, in [0, 1]; None for regression.
    """

    picture: Picture
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
        split: what was evaluated: "test" (never seen in training), "val", "train", or "" where nothing is known about
        it. model: name of the preset or of the model file. parameters: numbers the model has learned. labels: names
        of the classes, label columns or targets. confusion: (K, K) counts, row true, column predicted. per_class:
        rows of `per_class`, `per_label` or `per_target`. mistakes: worst first. scatter: regression: (targets,
        predictions), each (N,) or (N, T). data: what the model was made from. samples: (label, training pictures)
        each. choices: (name, value, reason) each. curves: rows of metrics.jsonl: step, epoch, seconds, loss,
        val_loss, val_accuracy, lr, images_per_second, ... timing: where the time went. run: the run folder or model
        file, for the commands that use it. versions: (name, version) of what made it. command: the command line that
        made it. unit: what was judged, several of them. texts: (title, text) each, that the model wrote.
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


def write_report(path: str | os.PathLike[str], report: Report) -> Path:
    """Writes the page to `path`. Raises StorageError where that is not possible."""
    return write_durably(path, render(report))


def render(report: Report) -> str:
    """The page as HTML text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        name=lambda text, limit=60: printable(text, limit),
        percent=percent,
        number=number,
        duration=_duration,
        inline=inline_picture,
    )
    per_class = max(2, SHEET // max(1, min(len(report.samples), SHEET_CLASSES)))
    return environment.get_template("report.html.jinja").render(
        report=report,
        css=Markup((here / "report.css").read_text("utf-8")),
        headline=_headline(report),
        figures=[_figure_row(name, metric, report) for name, metric in report.metrics.items()],
        unit=report.unit,
        texts=[(title, _lines(text)) for title, text in report.texts],
        confusion=Markup(_confusion_svg(report)),
        confusions=_top_confusions(report),
        table=_table(report.per_class),
        scatters=[Markup(svg) for svg in _scatters(report)],
        curves=[(caption, Markup(svg)) for caption, svg in _curves(report.curves)],
        samples=[(label, pictures[:per_class]) for label, pictures in report.samples[:SHEET_CLASSES]],
        samples_left=max(0, len(report.samples) - SHEET_CLASSES),
        lede=_lede(report),
        facts=_facts(report),
        times=_times(report.timing),
        usage=_usage(report),
    )


def _lines(text: str) -> str:
    """A text that models wrote, of which nothing but line breaks moves what stands around it."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _lede(report: Report) -> str:
    """What the page is about, in one line under the title."""
    parts = [printable(report.model, 80)] if report.model else []
    parts += [f"{report.parameters:,} parameters"] if report.parameters is not None else []
    parts += [f"trained on {printable(report.data.name, 60)}"] if report.data else []
    return " · ".join(parts)


# --- the headline -----------------------------------------------------------------------------------------------------

AUDIENCE = {
    "test": ("{unit} it had never seen", ""),
    "val": ("validation {unit}", "These {unit} also chose the model: new ones may be harder."),
    "train": ("{unit} it was trained on", "New {unit} will be harder."),
}


def _headline(report: Report) -> dict[str, Any] | None:
    """The one number and what it means, in sentences; None without a metric to speak of."""
    metrics, unit = report.metrics, report.unit
    of, caution = (words.format(unit=unit) for words in AUDIENCE.get(report.split, ("{unit}", "")))
    if "perplexity" in metrics:
        metric, one = metrics["perplexity"], unit.removesuffix("s")
        sentence = f"On {metric.n:,} {of}, it is as unsure of a {one} as of a fair choice among so many."
    elif "sequence_accuracy" in metrics:
        metric = metrics["sequence_accuracy"]
        sentence = f"Exactly right on {round(metric.value * metric.n):,} of {metric.n:,} {of}."
    elif "accuracy" in metrics:
        metric = metrics["accuracy"]
        sentence = f"Right on {round(metric.value * metric.n):,} of {metric.n:,} {of}."
    elif "map" in metrics:
        metric = metrics["map"]
        sentence = f"Mean average precision on {metric.n:,} {of}."
        if "micro_f1" in metrics:
            sentence += f" At a threshold of one half, precision and recall balance at {metrics['micro_f1'].text}."
    elif "mae" in metrics:
        metric = metrics["mae"]
        sentence = f"Off by {metric.text} on average, over {metric.n:,} {of}."
        if "r2" in metrics:
            sentence += f" It explains {percent(max(metrics['r2'].value, 0.0))} of the variation (R²)."
    elif metrics:
        name, metric = next(iter(metrics.items()))
        sentence = f"{MEANINGS.get(name, (name, ''))[0]} on {metric.n:,} {of}."
    else:
        return None
    return {
        "big": metric.text,
        "kind": _kind(metrics),
        "sentence": sentence,
        "interval": _spoken_interval(metric, unit),
        "baseline": _baseline(report),
        "caution": caution,
    }


def _kind(metrics: Mapping[str, Metric]) -> str:
    """What stands behind the large number."""
    if "perplexity" in metrics:
        return "perplexity"
    return "off on average" if "mae" in metrics and "accuracy" not in metrics else ""


def _spoken_interval(metric: Metric, unit: str) -> str:
    if metric.low is None or metric.high is None:
        return f"Too few {unit} to say how sure this number is."
    low, high = (percent(x) if metric.share else number(x) for x in (metric.low, metric.high))
    return f"The true value lies between {low} and {high} (95 % interval)."


def _baseline(report: Report) -> str:
    """What an answer that never looks at the picture would reach: the number any model has to beat."""
    if report.confusion is not None and len(report.confusion) > 1 and report.confusion.sum() > 0:
        support = report.confusion.sum(1)
        k = int(support.argmax())
        label = printable(report.labels[k] if k < len(report.labels) else k, 40)
        share = percent(support[k] / support.sum())
        return f"Always answering “{label}” would be right on {share}."
    if report.task == "regress" and report.scatter is not None:
        targets = np.asarray(report.scatter[0], float)
        return f"Always answering the mean would be off by {number(float(np.abs(targets - targets.mean(0)).mean()))}."
    return ""


# --- the figures ------------------------------------------------------------------------------------------------------

MEANINGS = {
    "loss": ("Loss", "in nats: how surprising the truth was to it; lower is better"),
    "bits_per_character": ("Bits per character", "how many bits a character costs, were the model to pack the text"),
    "bits_per_byte": ("Bits per byte", "how many bits a byte costs, were the model to pack the text"),
    "perplexity": ("Perplexity", "among how many equally likely ones it is as if it had to choose"),
    "masked_accuracy": ("Accuracy where hidden", "hidden tokens that it guessed"),
    "sequence_accuracy": ("Whole targets right", "targets it wrote without a single mistake"),
    "token_accuracy": ("Accuracy of tokens", "tokens right, each after the right ones before it"),
    "bleu": ("BLEU", "overlap of words with the wanted text, 0 to 100"),
    "chrf": ("chrF", "overlap of characters with the wanted text, 0 to 100"),
    "accuracy": ("Accuracy", "given the right answer"),
    "top5_accuracy": ("Top-5 accuracy", "the right label is among the five likeliest"),
    "balanced_accuracy": ("Balanced accuracy", "accuracy if every class came up equally often"),
    "macro_f1": ("Macro F1", "precision and recall in one, each class counting the same"),
    "log_loss": ("Log loss", "how far the probabilities are from the truth; 0 is perfect"),
    "auroc": ("AUROC", "chance that a picture of a class scores above one that is not of it; 0.5 is guessing"),
    "map": ("Mean average precision", "precision over all thresholds, each label counting the same"),
    "micro_f1": ("Micro F1", "precision and recall in one, each answer counting the same, at a threshold of 0.5"),
    "subset_accuracy": ("Subset accuracy", "pictures with every single label right"),
    "hamming_loss": ("Hamming loss", "labels that are wrong; lower is better"),
    "mae": ("Mean absolute error", "how far off an answer is, on average"),
    "rmse": ("Root mean square error", "the same, with large errors weighing more"),
    "r2": ("R²", "share of the variation that is explained; 1 is perfect, 0 no better than the mean"),
}


def _figure_row(name: str, metric: Metric, report: Report) -> dict[str, Any]:
    title, meaning = MEANINGS.get(name, (name, ""))
    if name == "log_loss" and len(report.labels) > 1:
        meaning += f", an even guess gives {number(math.log(len(report.labels)))}"
    bar = None
    if metric.share or name == "auroc":
        low, high = (metric.value if x is None else x for x in (metric.low, metric.high))
        bar = {"left": 100 * low, "width": max(100 * (high - low), 0.8), "value": 100 * metric.value}
    return {"title": title, "meaning": meaning, "metric": metric, "bar": bar}


COLUMNS = {
    "label": "",  # the page knows whether it is a class, a label or a target
    "average_precision": "Average precision",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "support": "Pictures",
}


def _table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The per-class rows as text, the weakest first."""
    if not rows:
        return None
    columns = [c for c in COLUMNS if c in rows[0]]
    rank = next((c for c in ("f1", "average_precision", "r2") if c in columns), columns[0])
    if rank != "label":
        # rows that nothing can be said about come last
        rows = sorted(rows, key=lambda r: (r[rank] is None or r.get("support") == 0, r[rank] or 0.0))
    cells = [[_cell(column, row) for column in columns] for row in rows]
    bars = [100 * float(row[rank]) if rank in ("f1", "average_precision") and row[rank] else 0.0 for row in rows]
    return {"columns": [COLUMNS[c] for c in columns], "rows": list(zip(cells, bars, strict=True)), "ranked": rank}


def _cell(column: str, row: Mapping[str, Any]) -> tuple[str, str]:
    """The text of one cell and, for recall, its interval."""
    value = row[column]
    if column == "label":
        return printable(value, 60), ""
    if column == "support":
        return f"{value:,}", ""
    if value is None or (row.get("support") == 0 and column in ("recall", "f1", "average_precision")):
        return "–", ""
    if column in ("mae", "rmse", "r2"):
        return number(value), ""
    if column == "recall" and row.get("support"):
        low, high = wilson(value, row["support"])
        return percent(value), f"{100 * low:.0f}–{100 * high:.0f}"
    return percent(value), ""


def _confusion_svg(report: Report) -> str:
    if report.confusion is None or len(report.confusion) < 2 or not report.confusion.sum():
        return ""
    right, n = int(np.trace(report.confusion)), int(report.confusion.sum())
    name = f"Confusion matrix of {len(report.confusion)} classes: {right:,} of {n:,} on the diagonal"
    return confusion_chart(np.asarray(report.confusion), report.labels, name=name)


def _top_confusions(report: Report, top: int = 10) -> list[tuple[str, str, int, str]]:
    """(true, predicted, count, share of the true class) of the most frequent mix-ups."""
    if report.confusion is None:
        return []
    wrong = np.array(report.confusion)
    support = wrong.sum(1)
    np.fill_diagonal(wrong, 0)
    share = wrong / np.maximum(support, 1)[:, None]
    order = np.lexsort((-share.ravel(), -wrong.ravel()))[:top]
    pairs = [(int(c) // len(wrong), int(c) % len(wrong)) for c in order if wrong.flat[c] > 0]
    return [(report.labels[i], report.labels[j], int(wrong[i, j]), percent(share[i, j])) for i, j in pairs]


def _scatters(report: Report, most: int = 6) -> list[str]:
    if report.scatter is None:
        return []
    targets, predicted = (np.asarray(x, float).reshape(len(x), -1) for x in report.scatter)
    names = [printable(report.labels[k] if k < len(report.labels) else f"target {k}") for k in range(targets.shape[1])]
    return [
        scatter_chart(targets[:, k], predicted[:, k], name=f"Predicted against true {names[k]}")
        for k in range(min(targets.shape[1], most))
    ]


# --- the training -----------------------------------------------------------------------------------------------------


def _curves(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(caption, svg) of each chart the rows have points for."""
    axis = next((key for key in ("step", "epoch", "seconds") if any(key in row for row in rows)), "")
    unit = {"step": "steps", "epoch": "epochs"}.get(axis, axis or "rows")

    def curve(key: str) -> tuple[list[float], list[float]]:
        kept = [(row.get(axis, i), row[key]) for i, row in enumerate(rows) if key in row]
        kept = [(float(x), float(y)) for x, y in kept if _is_number(x) and _is_number(y)]
        return [x for x, _ in kept], [y for _, y in kept]

    charts = []
    losses = [(what, *curve(key)) for what, key in (("training", "loss"), ("validation", "val_loss"))]
    losses = [c for c in losses if len(c[1]) > 1]
    if losses:
        charts.append(("Loss", curve_chart(losses, name="Loss over the training", x_label=unit, smooth=True)))
    for key, caption, best in VALIDATION:
        x, y = curve(key)
        if len(x) > 1:
            at = int(np.argmax(y) if best == "max" else np.argmin(y))
            share = key in ("val_accuracy", "val_map")
            top = f"{caption}: best {percent(y[at]) if share else number(y[at])}"
            drawn = curve_chart(
                [(caption, x, y)], name=f"{top}, {unit} {x[at]:.0f}", x_label=unit, share=share, marked=at
            )
            charts.append((top, drawn))
    for key, caption, noisy in (("lr", "Learning rate", False), ("images_per_second", "Pictures per second", True)):
        x, y = curve(key)
        if len(x) > 1:
            name = f"{caption} over the training"
            charts.append((caption, curve_chart([(caption, x, y)], name=name, x_label=unit, smooth=noisy, zero=True)))
    return charts


VALIDATION = (
    ("val_accuracy", "Validation accuracy", "max"),
    ("val_map", "Validation mean average precision", "max"),
    ("val_mae", "Validation mean absolute error", "min"),
    ("val_r2", "Validation R²", "max"),
)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _facts(report: Report) -> list[tuple[str, str]]:
    """What the data is, as (name, value) pairs."""
    data = report.data
    if data is None:
        return []
    facts = [("Data", printable(data.name))]
    facts += [
        (f"{report.unit.capitalize()} for {SPLIT_USE.get(split, split)}", f"{n:,}") for split, n in data.splits.items()
    ]
    if data.classes:
        facts.append(("Classes", f"{len(data.classes):,}"))
    if data.smallest and data.largest:
        small, large = (f"{w} × {h}" for h, w in (data.smallest, data.largest))
        facts.append(("Size", f"{small} pixels" if small == large else f"{small} to {large} pixels"))
    if data.channels:
        facts.append(("Channels", {1: "1 (grey)", 3: "3 (colour)"}.get(data.channels, str(data.channels))))
    return facts


SPLIT_USE = {"train": "training", "val": "validation", "test": "the test"}


def _times(timing: Timing | None) -> list[tuple[str, str, float]]:
    """(what, duration, percent of all) of each stage that took time."""
    if timing is None:
        return []
    stages = [("Data", timing.data), ("Training", timing.train), ("Evaluation", timing.evaluate)]
    total = sum(seconds for _, seconds in stages) or 1.0
    return [(what, _duration(seconds), 100 * seconds / total) for what, seconds in stages if seconds > 0]


def _duration(seconds: float) -> str:
    """Seconds as people say them: "0.4 s", "48 s", "4 min 48 s", "2 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


ASKED = {"masked-token": "The [MASK] sat"}


def _usage(report: Report) -> list[tuple[str, str]]:
    """(what for, code) of each way to use the model."""
    if not report.run:
        return []
    shell, python = (printable(text, 2000) for text in (shlex.quote(report.run), repr(report.run)))
    loaded = f"import smalti\n\nmodel = smalti.load({python})\n"
    if report.task == "next-token":
        return [
            ("Let it write", f'smalti sample {shell} --prompt "Once" --max-tokens 500'),
            ("Judge it on another text", f"smalti evaluate {shell} TEXT"),
            ("From Python", f"{loaded}print(model.sample('Once', max_tokens=500)[0])"),
        ]
    if report.unit != "pictures":
        return [
            ("Ask it", f'smalti predict {shell} "{ASKED.get(report.task, "a text of your own")}"'),
            ("Judge it on other data", f"smalti evaluate {shell} DATA"),
            ("From Python", f"{loaded}print(model.predict('{ASKED.get(report.task, 'a text of your own')}'))"),
        ]
    return [
        ("Name what is in pictures of your own", f"smalti predict {shell} photo.jpg another.png"),
        ("Judge it on other data", f"smalti evaluate {shell} DATA"),
        (
            "From Python",
            f"{loaded}print(model.labels)\nprint(model.predict(['photo.jpg']))",
        ),
    ]
