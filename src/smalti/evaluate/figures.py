"""The figures of a report: rows, tables and charts, as the page takes them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smalti.errors import printable
from smalti.evaluate.charts import confusion_chart, curve_chart, scatter_chart
from smalti.evaluate.intervals import wilson
from smalti.evaluate.metrics import Metric, number, percent
from smalti.evaluate.report import Report

__all__ = ["MEANINGS", "confusion_svg", "curve_charts", "figure_row", "per_class_table", "scatters", "top_confusions"]

CONFUSIONS = 10  # mix-ups that are listed
SCATTERS = 6  # targets that are drawn

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
    "auroc": ("AUROC", "chance that one of a class scores above one that is not of it; 0.5 is guessing"),
    "map": ("Mean average precision", "precision over all thresholds, each label counting the same"),
    "micro_f1": ("Micro F1", "precision and recall in one, each answer counting the same, at a threshold of 0.5"),
    "subset_accuracy": ("Subset accuracy", "pictures with every single label right"),
    "hamming_loss": ("Hamming loss", "labels that are wrong; lower is better"),
    "mae": ("Mean absolute error", "how far off an answer is, on average"),
    "rmse": ("Root mean square error", "the same, with large errors weighing more"),
    "r2": ("R²", "share of the variation that is explained; 1 is perfect, 0 no better than the mean"),
}


def figure_row(name: str, metric: Metric, report: Report) -> dict[str, Any]:
    """A figure in words, with its interval as a bar where it lies in [0, 1]."""
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
    "support": "",  # and what is counted
}


def per_class_table(rows: Sequence[Mapping[str, Any]], unit: str = "pictures") -> dict[str, Any] | None:
    """The per-class rows as text, the weakest first; `unit` is what was judged."""
    if not rows:
        return None
    columns = [c for c in COLUMNS if c in rows[0]]
    rank = next((c for c in ("f1", "average_precision", "r2") if c in columns), columns[0])
    if rank != "label":
        # rows that nothing can be said about come last
        rows = sorted(rows, key=lambda r: (r[rank] is None or r.get("support") == 0, r[rank] or 0.0))
    cells = [[cell(column, row) for column in columns] for row in rows]
    bars = [100 * float(row[rank]) if rank in ("f1", "average_precision") and row[rank] else 0.0 for row in rows]
    titles = [unit.capitalize() if c == "support" else COLUMNS[c] for c in columns]
    return {"columns": titles, "rows": list(zip(cells, bars, strict=True)), "ranked": rank}


def cell(column: str, row: Mapping[str, Any]) -> tuple[str, str]:
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
        low, high = wilson(value, row["support"] / row.get("design_effect", 1))
        return percent(value), f"{100 * low:.0f}–{100 * high:.0f}"
    return percent(value), ""


def confusion_svg(report: Report) -> str:
    """The confusion matrix as a picture; empty without one."""
    if report.confusion is None or len(report.confusion) < 2 or not report.confusion.sum():
        return ""
    right, n = int(np.trace(report.confusion)), int(report.confusion.sum())
    name = f"Confusion matrix of {len(report.confusion)} classes: {right:,} of {n:,} on the diagonal"
    return confusion_chart(np.asarray(report.confusion), report.labels, name=name)


def top_confusions(report: Report) -> list[tuple[str, str, int, str]]:
    """(true, predicted, count, share of the true class) of the most frequent mix-ups."""
    if report.confusion is None:
        return []
    wrong = np.array(report.confusion)
    support = wrong.sum(1)
    np.fill_diagonal(wrong, 0)
    share = wrong / np.maximum(support, 1)[:, None]
    order = np.lexsort((-share.ravel(), -wrong.ravel()))[:CONFUSIONS]
    pairs = [(int(c) // len(wrong), int(c) % len(wrong)) for c in order if wrong.flat[c] > 0]
    return [(report.labels[i], report.labels[j], int(wrong[i, j]), percent(share[i, j])) for i, j in pairs]


def scatters(report: Report) -> list[str]:
    """A chart of predicted against true values for each of the first targets."""
    if report.scatter is None:
        return []
    targets, predicted = (np.asarray(x, float).reshape(len(x), -1) for x in report.scatter)
    names = [printable(report.labels[k] if k < len(report.labels) else f"target {k}") for k in range(targets.shape[1])]
    return [
        scatter_chart(targets[:, k], predicted[:, k], name=f"Predicted against true {names[k]}")
        for k in range(min(targets.shape[1], SCATTERS))
    ]


def curve_charts(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(caption, svg) of each chart the rows have points for."""
    axis = next((key for key in ("step", "epoch", "seconds") if any(key in row for row in rows)), "")
    unit = {"step": "steps", "epoch": "epochs"}.get(axis, axis or "rows")

    def curve(key: str) -> tuple[list[float], list[float]]:
        kept = [(row.get(axis, i), row[key]) for i, row in enumerate(rows) if key in row]
        kept = [(float(x), float(y)) for x, y in kept if is_number(x) and is_number(y)]
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
    x, y = curve("lr")
    if len(x) > 1:
        rate, name = "Learning rate", "Learning rate over the training"
        charts.append((rate, curve_chart([(rate, x, y)], name=name, x_label=unit, zero=True)))
    return charts


VALIDATION = (
    ("val_accuracy", "Validation accuracy", "max"),
    ("val_map", "Validation mean average precision", "max"),
    ("val_mae", "Validation mean absolute error, in deviations", "min"),
    ("val_r2", "Validation R²", "max"),
)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
