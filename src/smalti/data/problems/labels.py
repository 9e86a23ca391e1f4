"""Answers that are likely to be something else than they are taken for: amounts for classes, classes for amounts,
several labels in one, one label written in two ways."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from smalti.data.formats.arrays import Stacks
from smalti.data.source import Problem, Source

__all__ = ["labels_alike", "odd_labels", "odd_targets"]

_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
_MANY_CLASSES, _FEW_EACH = 20, 4  # more classes with fewer pictures each are likely to be no classes
_FEW_AMOUNTS = 10  # no more whole numbers than these, each twice or more often, are likely to be classes


def odd_labels(source: Source) -> Iterator[Problem]:
    """Labels that are likely to be something else: amounts, or several labels in one."""
    labels = source.labels
    if source.task == "multilabel":
        if len(labels) > 1 and (source.targets.sum(1) <= 1).all():
            sign, compound = _compound(labels)
            cause = "no picture has two labels"
            cause += f", but some have {sign}, as {compound[0]!r}" if compound else ""
            mend = "separate labels by | or ;, or give --task classify if each picture has one class"
            yield Problem("odd_label", "", cause, mend, count=len(compound or labels))
        return
    many = len(labels) > max(_MANY_CLASSES, len(source) / _FEW_EACH)
    if all(map(_NUMBER.fullmatch, labels)) and (many or not all(label.isdigit() for label in labels)):
        cause = f"all {len(labels):,} classes are numbers, as {labels[0]!r}"
        mend = f"if they are amounts, {_instead(source, 'target', 'floats')}, or give --task regress"
        yield Problem("odd_label", "", cause, mend, count=len(labels))


def _compound(labels: Sequence[str]) -> tuple[str, list[str]]:
    """Those that may be several in one, and what they are separated by: commas, or spaces between words that all are in
    other labels too."""
    if commas := [label for label in labels if "," in label]:
        return "commas", commas
    known = Counter(word for label in labels for word in {*label.split()})
    return "spaces", [label for label in labels if " " in label and all(known[word] > 1 for word in label.split())]


def labels_alike(source: Source) -> Iterator[Problem]:
    """Labels that differ in capital letters alone; not single letters, which may be what is to be read."""
    alike: dict[str, list[str]] = {}
    for label in source.labels:
        alike.setdefault(label.casefold(), []).append(label)
    for labels in alike.values():
        if len(labels) > 1 and len(labels[0]) > 1:
            cause = f"the labels {', '.join(map(repr, labels))} differ in capital letters alone"
            yield Problem("odd_label", "", cause, "if they mean the same, write them in one way", count=len(labels))


def odd_targets(source: Source) -> Iterator[Problem]:
    """Amounts that are likely to be the numbers of classes."""
    values = np.unique(np.asarray(source.targets, np.float64))
    some = 1 < len(values) <= min(_FEW_AMOUNTS, len(source) / 2)
    if source.labels == ("target",) and some and (values == np.round(values)).all():
        cause = f"all targets are whole numbers, {len(values)} in all, as {values[0]:g} and {values[-1]:g}"
        mend = f"if they are classes, give --task classify, or {_instead(source, 'label', 'integers')}"
        yield Problem("odd_label", "", cause, mend)


def _instead(source: Source, column: str, numbers: str) -> str:
    """How answers are given as what they are: under another name, or in arrays as another type."""
    return f"store them as {numbers}" if isinstance(source.storage, Stacks) else f"call the column {column}"
