"""One page that says how good a model is, what it was made from and how to use it: a single file that opens offline.

A part of the report that is empty leaves its section out, so that the same page serves a training run and a lone
evaluation. The page is `report.html.jinja` with `report.css`; every name in it is escaped there.
"""

import os
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from smalti.errors import printable
from smalti.evaluate.figures import confusion_svg, curve_charts, figure_row, per_class_table, scatters, top_confusions
from smalti.evaluate.headline import headline
from smalti.evaluate.metrics import number, percent
from smalti.evaluate.pictures import inline_picture
from smalti.evaluate.report import SHEET_CLASSES, Report, Timing
from smalti.files import write_durably

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["render", "write_report"]

HERE = Path(__file__).parent
SHEET = 96  # pictures on the sample sheet, over all classes


def write_report(path: str | os.PathLike[str], report: Report) -> Path:
    """Writes the page to `path`. Raises StorageError where that is not possible."""
    return write_durably(path, render(report))


def render(report: Report) -> str:
    """The page as HTML text."""
    from markupsafe import Markup

    per_class = max(2, SHEET // max(1, len(report.samples)))
    return template().render(
        report=report,
        css=Markup((HERE / "report.css").read_text("utf-8")),
        headline=headline(report),
        figures=[figure_row(name, metric, report) for name, metric in report.metrics.items()],
        unit=report.unit,
        texts=[(title, lines(text)) for title, text in report.texts],
        confusion=Markup(confusion_svg(report)),
        confusions=top_confusions(report),
        table=per_class_table(report.per_class, report.unit),
        scatters=[Markup(svg) for svg in scatters(report)],
        curves=[(caption, Markup(svg)) for caption, svg in curve_charts(report.curves)],
        samples=[(label, pictures[:per_class]) for label, pictures in report.samples],
        samples_left=0 if report.task == "regress" else max(0, len(report.labels) - SHEET_CLASSES),
        lede=lede(report),
        facts=facts(report),
        times=times(report.timing),
        usage=usage(report),
    )


@cache
def template() -> "Template":
    """The page, compiled."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        name=lambda text, limit=60: printable(text, limit),
        percent=percent,
        number=number,
        duration=duration,
        inline=inline_picture,
    )
    return environment.get_template("report.html.jinja")


def lines(text: str) -> str:
    """A text that models wrote, of which nothing but line breaks moves what stands around it."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def lede(report: Report) -> str:
    """What the page is about, in one line under the title."""
    parts = [printable(report.model, 80)] if report.model else []
    parts += [f"{report.parameters:,} parameters"] if report.parameters is not None else []
    parts += [f"trained on {printable(report.trained_on, 60)}"] if report.trained_on else []
    return " · ".join(parts)


def facts(report: Report) -> list[tuple[str, str]]:
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


SPLIT_USE = {"train": "training", "val": "validation", "test": "the test", "all": "measuring"}


def times(timing: Timing | None) -> list[tuple[str, str, float]]:
    """(what, duration, percent of all) of each stage that took time."""
    if timing is None:
        return []
    stages = [("Data", timing.data), ("Training", timing.train), ("Evaluation", timing.evaluate)]
    total = sum(seconds for _, seconds in stages) or 1.0
    return [(what, duration(seconds), 100 * seconds / total) for what, seconds in stages if seconds > 0]


def duration(seconds: float) -> str:
    """Seconds as people say them: "0.4 s", "48 s", "4 min 48 s", "2 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


ASKED = {"masked-token": "The [MASK] sat"}


def usage(report: Report) -> list[tuple[str, str]]:
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
