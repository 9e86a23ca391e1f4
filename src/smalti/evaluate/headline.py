"""The one number of a report and what it means, in sentences."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from smalti.errors import printable
from smalti.evaluate.figures import MEANINGS
from smalti.evaluate.metrics import Metric, number, percent
from smalti.evaluate.report import Report

__all__ = ["headline"]

AUDIENCE = {
    "test": ("{unit} it had never seen", ""),
    "val": ("validation {unit}", "These {unit} also chose the model: new ones may be harder."),
    "train": ("{unit} it was trained on", "New {unit} will be harder."),
    "all": ("{unit} of the data it was trained on", "It learned from most of these {unit}: new ones may be harder."),
    "other": ("{unit} of other data", ""),
}


def headline(report: Report) -> dict[str, Any] | None:
    """The one number and what it means, in sentences; None without a metric to speak of."""
    metrics, unit = report.metrics, report.unit
    of, caution = (words.format(unit=unit) for words in AUDIENCE.get(report.split, ("{unit}", "")))
    if "sequence_accuracy" in metrics:  # of pairs, which have a perplexity too
        metric = metrics["sequence_accuracy"]
        sentence = f"Exactly right on {round(metric.value * metric.n):,} of {metric.n:,} {of}."
    elif "perplexity" in metrics:
        metric, one = metrics["perplexity"], unit.removesuffix("s")
        sentence = f"On {metric.n:,} {of}, it is as unsure of a {one} as of a fair choice among so many."
    elif "accuracy" in metrics:
        metric = metrics["accuracy"]
        sentence = f"Right on {round(metric.value * metric.n):,} of {metric.n:,} {of}."
    elif "map" in metrics:
        metric = metrics["map"]
        sentence = f"Mean average precision on {metric.n:,} {of}."
        if "micro_f1" in metrics:
            f1 = metrics["micro_f1"].text
            sentence += f" At a threshold of one half, precision and recall have a harmonic mean (micro F1) of {f1}."
    elif next(iter(metrics), "") == "r2":  # of several targets, each in its own unit
        metric = metrics["r2"]
        sentence = f"It explains {percent(max(metric.value, 0.0))} of the variation of {len(report.labels)} targets"
        sentence += f", on {metric.n:,} {of}."
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
        "kind": kind(metrics),
        "sentence": sentence,
        "interval": spoken_interval(metric, unit),
        "baseline": baseline(report),
        "caution": caution,
    }


def kind(metrics: Mapping[str, Metric]) -> str:
    """What stands behind the large number."""
    if "perplexity" in metrics and "sequence_accuracy" not in metrics:
        return "perplexity"
    if "accuracy" in metrics:
        return ""
    return {"mae": "off on average", "r2": "R², mean over the targets"}.get(next(iter(metrics)), "")


def spoken_interval(metric: Metric, unit: str) -> str:
    if metric.low is None or metric.high is None:
        return f"Too few {unit} to say how sure this number is."
    low, high = (percent(x) if metric.share else number(x) for x in (metric.low, metric.high))
    return f"The true value lies between {low} and {high} (95 % interval)."


def baseline(report: Report) -> str:
    """What an answer that never looks at the picture would reach: the number any model has to beat."""
    if report.confusion is not None and len(report.confusion) > 1 and report.confusion.sum() > 0:
        support = report.confusion.sum(1)
        k = int(support.argmax())
        label = printable(report.labels[k] if k < len(report.labels) else k, 40)
        share = percent(support[k] / support.sum())
        return f"Always answering “{label}” would be right on {share}."
    if report.task == "regress" and report.scatter is not None:
        targets = np.asarray(report.scatter[0], float)
        if next(iter(report.metrics)) == "r2":
            return "Always answering the means would explain nothing of it."
        return f"Always answering the mean would be off by {number(float(np.abs(targets - targets.mean(0)).mean()))}."
    return ""
