"""Reports made of make-believe but realistic data, for the tests of the page."""

import numpy as np

from smalti.evaluate.classify import classification_metrics
from smalti.evaluate.confusion import confusion, per_class
from smalti.evaluate.multilabel import multilabel_metrics, per_label
from smalti.evaluate.regress import per_target, regression_metrics
from smalti.evaluate.report import DataSummary, Mistake, Report, Timing

CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "new\nline\x00nul",
    "rtl \u202e evil\u200f",
    "x" * 300,
    "$\\frac{1",
    "{{ 7 * 7 }}{% raw %}",
    "日本語の名前",
    "'\"&--><!--",
    "\ud800 lone surrogate",
]


def picture(rng, size=32, channels=3):
    y, x = np.mgrid[:size, : size + size // 4]
    wave = np.stack(
        [np.sin(x * rng.uniform(0.1, 0.5)) * np.cos(y * rng.uniform(0.1, 0.5)) for _ in range(channels)], -1
    )
    return (127 + 100 * wave + rng.normal(size=wave.shape) * 10).clip(0, 255).astype(np.uint8)


def curves(rng, steps=600):
    rows = []
    for step in range(1, steps + 1):
        left = np.exp(-step / 200)
        row = {"step": step, "epoch": step // 60, "loss": 2 * left + 0.5 + 0.1 * rng.normal(), "lr": 1e-3 * left}
        if step % 30 == 0:
            row |= {"val_loss": 1.9 * left + 0.6, "val_accuracy": 0.8 * (1 - left), "images_per_second": 3000.0}
        rows.append(row)
    return [*rows, {"step": steps, "loss": float("nan"), "val_accuracy": None, "note": "text"}]


def classified(labels, n=600, size=32, trained=True, seed=0):
    """A report on K classes; `trained` adds everything a training run knows beside the evaluation."""
    rng, classes = np.random.default_rng(seed), len(labels)
    y = rng.integers(classes, size=n)
    logits = rng.normal(size=(n, classes)) * 1.3
    logits[np.arange(n), y] += 3
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    guess = p.argmax(1)
    wrong = np.flatnonzero(guess != y)
    worst = wrong[np.argsort(-p[wrong, guess[wrong]])][:12]
    parts = {
        "title": "Pictures of things",
        "task": "classify",
        "metrics": classification_metrics(p, y, labels),
        "labels": labels,
        "confusion": confusion(y, guess, classes),
        "per_class": per_class(y, guess, labels),
        "mistakes": [
            Mistake(picture(rng, size), f"{labels[y[i]]}/{i:05d}.png", labels[y[i]], labels[guess[i]], p[i, guess[i]])
            for i in worst
        ],
        "run": "runs/it's mine",
    }
    if trained:
        parts |= {
            "split": "test",
            "model": "vit_mini_patch4_32",
            "parameters": 1234567,
            "data": DataSummary(
                name=labels[0],
                splits={"train": 4500, "val": 500, "test": n},
                classes=[(label, 450 - k) for k, label in enumerate(labels)],
                smallest=(size, size),
                largest=(size, 2 * size),
                channels=3,
                problems=[f"{labels[1]}/broken.jpg could not be read and was skipped"],
                split_reason="the data names its test split",
            ),
            "samples": [(label, [picture(rng, size) for _ in range(4)]) for label in labels],
            "choices": [("lr", "0.001", "a third of where the loss falls fastest"), ("labels", labels[0], labels[1])],
            "curves": curves(rng),
            "timing": Timing(3.2, 271.0, 4.1, 3100.0, "2 CPU cores", 810_000_000),
            "versions": {"smalti": "0.1.0", "torch": "2.13.0"},
            "command": "smalti train things.zip --minutes 5",
        }
    return Report(**parts)


def regressed():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(200, 2)) * (10, 1) + (50, 3)
    x = y + rng.normal(size=y.shape) * (4, 0.3)
    return Report(
        "Ages",
        "regress",
        regression_metrics(x, y),
        split="test",
        labels=("age", "height"),
        per_class=per_target(x, y, ("age", "height")),
        scatter=(y, x),
        mistakes=[Mistake(picture(rng, 100, 1), "a.png", "51.2", "82.3")],
    )


def labelled():
    rng = np.random.default_rng(0)
    y = (rng.random((200, 4)) < (0.5, 0.3, 0.1, 0.0)).astype(float)
    p = 1 / (1 + np.exp(1.5 - 3 * y - rng.normal(size=y.shape)))
    labels = ("edema", "mass", "nodule", "never")
    return Report(
        "Findings",
        "multilabel",
        multilabel_metrics(p, y),
        split="val",
        labels=labels,
        per_class=per_label(p, y, labels),
    )
