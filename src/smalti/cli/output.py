"""What commands print on stdout: JSON lines for machines, rich tables for people."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from smalti.evaluate.metrics import Metric

__all__ = ["as_line", "metrics_dict", "metrics_table", "show", "table", "write_json"]


def as_line(value: object) -> str:
    """`value` as one line of strict JSON; numbers that JSON has no word for are null, paths are text."""
    return json.dumps(_plain(value), allow_nan=False)


def write_json(value: object) -> None:
    """One object, one line, on stdout."""
    sys.stdout.write(f"{as_line(value)}\n")


def show(*renderables: object) -> None:
    """Texts and rich renderables on stdout: colours on a terminal only, names taken literally, never cut."""
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    for renderable in renderables:
        console.print(renderable, soft_wrap=isinstance(renderable, str))


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> "Table":
    """A plain table: columns of numbers to the right, others to the left; cells folded rather than cut.

    Args:
        title: above the table; "" for none.
        columns: the headings.
        rows: cells as literal text.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    rows = [tuple(row) for row in rows]
    for position, column in enumerate(columns):
        numbers = all(set(row[position]) <= set("0123456789.,+-−–e %") for row in rows)
        made.add_column(Text(column), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def metrics_dict(metrics: "Mapping[str, Metric]") -> dict[str, dict[str, Any]]:
    """The stable JSON shape of metrics: `{"accuracy": {"value", "low", "high", "n"}}`."""
    return {name: metric.to_dict() for name, metric in metrics.items()}


def metrics_table(title: str, metrics: "Mapping[str, Metric]") -> "Table":
    """A row a metric: value, 95 % interval, n, and a remark where there is one."""
    rows = [(name, metric.text, metric.interval, metric.samples, metric.note) for name, metric in metrics.items()]
    width = 5 if any(metric.note for metric in metrics.values()) else 4
    return table(title, ("metric", "value", "95 % interval", "n", "remark")[:width], (row[:width] for row in rows))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "item"):  # a NumPy or torch number
        return _plain(value.item())  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
