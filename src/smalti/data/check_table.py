"""The data check for human eyes: what the set is, its classes, what is wrong and how to mend it, and a verdict.

Names come from files and are never trusted: each is one printable line and no console markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from smalti.data.check import Check
from smalti.data.source import SPLITS
from smalti.errors import printable

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

__all__ = ["check_table"]

_CLASSES = 12  # rows of classes
_PROBLEMS = 3  # shown of each kind
_BAR = 24  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_TASKS = {"classify": "one class a picture", "multilabel": "any labels a picture", "regress": "numbers"}


def check_table(check: Check) -> Group:
    """A rich renderable that reads well from 80 columns on."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts = [Text(printable(check.name), style="bold"), Padding(_summary(check), (0, 0, 0, 2))]
    if check.counts.shape[1]:
        parts += [Text(), Padding(_classes(check), (0, 0, 0, 2))]
    if check.problems:
        parts.append(Text())
        parts += [Padding(text, (0, 0, 0, 2)) for text in _troubles(check)]
    return Group(*parts, Text(), _verdict(check))


def _summary(check: Check) -> Table:
    from rich.table import Table
    from rich.text import Text

    readable = int(check.splits.sum())
    lost = f", {check.n - readable:,} of them cannot be read" if readable < check.n else ""
    rows = [("pictures", f"{check.n:,}{lost}"), ("target", _target(check))]
    places = [(place, int(n)) for place, n in zip((*SPLITS, "no split"), check.splits, strict=True) if n]
    if [place for place, _ in places] == ["no split"]:
        rows.append(("splits", "none given; smalti makes them, by hash of content"))
    elif places:
        rows.append(("splits", " · ".join(f"{place} {n:,}" for place, n in places)))
    smallest, median, largest = (f"{h} x {w}" for h, w in check.sizes.tolist())
    size = f"{median} pixels" if smallest == largest else f"{smallest} to {largest} pixels, median {median}"
    depth = f", {check.bits} bits, white at {check.white:g}" if check.facts.deep.any() else ", 8 bits"
    kind = {1: "grey, 1 channel", 3: "colour, 3 channels"}.get(check.channels, f"{check.channels} channels")
    if readable:
        rows += [("size", f"{size} (height x width)"), ("pixels", kind + depth)]
        rows.append(("mean, std", " · ".join(f"{m:.3f}, {s:.3f}" for m, s in zip(check.mean, check.std, strict=True))))
    table = Table.grid(padding=(0, 2))
    for key, value in rows:
        table.add_row(Text(key, style="dim"), Text(value))
    return table


def _target(check: Check) -> str:
    count = len(check.labels)
    if check.task == "regress":
        return f"{_TASKS['regress']}: {', '.join(printable(label, 40) for label in check.labels[:4])}"
    one, more = ("class", "classes") if check.task == "classify" else ("label", "labels")
    uneven = f", largest {check.imbalance:.3g} times the smallest" if check.imbalance >= 1.05 else ""
    return f"{count:,} {one if count == 1 else more}, {_TASKS[check.task]}{uneven}"


def _classes(check: Check) -> Table:
    """The largest classes with a bar and, where splits are given, a column for each; the rest in one line."""
    from rich.table import Table
    from rich.text import Text

    totals = check.counts.sum(0)
    order = np.argsort(-totals, kind="stable")
    shown, rest = order[:_CLASSES], order[_CLASSES:]
    places = [i for i in range(4) if check.splits[i]]
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=len(places) > 1, header_style="dim", pad_edge=False)
    table.add_column("class" if check.task == "classify" else "label", max_width=28, no_wrap=True, overflow="ellipsis")
    table.add_column("", width=_BAR, no_wrap=True)
    table.add_column("all", justify="right")
    for place in places if len(places) > 1 else ():
        table.add_column((*SPLITS, "no split")[place], justify="right", style="dim")
    for k in shown:
        cells = [f"{check.counts[place, k]:,}" for place in places] if len(places) > 1 else []
        bar = Text(_bar(totals[k] / max(totals.max(), 1)), style="cyan")
        table.add_row(Text(printable(check.labels[k], 60)), bar, f"{totals[k]:,}", *cells)
    if len(rest):
        low, high = int(totals[rest].min()), int(totals[rest].max())
        each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        table.add_row(Text(f"... {len(rest):,} more", style="dim"), Text(f"{each} each", style="dim"))
    return table


def _bar(share: float) -> str:
    whole, eighth = divmod(round(share * _BAR * 8), 8)
    return "█" * whole + _EIGHTHS[eighth].strip()


def _troubles(check: Check) -> Iterator[Text]:
    """Problems by kind, the first few of each, every one with its mend once."""
    from rich.text import Text

    last = {problem.kind: problem for problem in check.problems}
    for (fatal, kind), group in groupby(check.problems, key=lambda problem: (problem.fatal, problem.kind)):
        problems = list(group)
        total = len(problems) + (check.omitted.get(kind, 0) if problems[-1] is last[kind] else 0)
        style = "bold red" if fatal else "dim" if kind == "note" else "yellow"
        title = Text.assemble((kind.replace("_", " "), style), (f"  {total:,}" if total > 1 else "", "dim"))
        yield title
        for problem in problems[:_PROBLEMS]:
            where = f"{printable(problem.file, 100)}: " if problem.file else ""
            line = Text("  ")
            line.append(where, style="bold").append(printable(problem.cause, 400))
            yield line
        if total > _PROBLEMS:
            yield Text(f"  ... {total - _PROBLEMS:,} more; see --json", style="dim")
        for mend in dict.fromkeys(problem.mend for problem in problems[:_PROBLEMS]):
            yield Text(f"  → {printable(mend, 400)}", style="green")


def _verdict(check: Check) -> Text:
    from rich.text import Text

    fatal = check.fatal()
    if fatal:
        kinds = ", ".join(dict.fromkeys(problem.kind.replace("_", " ") for problem in fatal))
        return Text.assemble(("✗ Not ready to train: ", "bold red"), f"mend what is red first ({kinds}).")
    worth = sum(problem.kind != "note" for problem in check.problems) + sum(check.omitted.values())
    rest = f"; {worth:,} remark{'s'[: worth > 1]} above" if worth else ", and nothing odd was found"
    return Text.assemble(("✓ Ready to train", "bold green"), f"{rest}.")
