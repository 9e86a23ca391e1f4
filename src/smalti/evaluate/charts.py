"""Charts as inline SVG that takes its colours and its font from the page: at home in a light one and in a dark one."""

import io
import math
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.errors import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_chart", "curve_chart", "scatter_chart"]

# drawn with these stand-ins, which become the page's own CSS variables
INK, MUTED, GRID, ACCENT, SECOND = "#010203", "#010204", "#010205", "#010206", "#010207"
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line", ACCENT: "--accent", SECOND: "--second"}

RIGHT, WRONG = (0.08, 0.36, 0.58), (0.75, 0.27, 0.10)  # cells of a confusion matrix; opacity carries the amount

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a class may be called $\frac
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
}

POINTS = 300  # more points than this are averaged: the eye sees no difference, the page stays small


def curve_chart(
    curves: Sequence[tuple[str, ArrayLike, ArrayLike]],
    *,
    name: str,
    x_label: str = "steps",
    share: bool = False,
    smooth: bool = False,
    zero: bool = False,
    marked: int | None = None,
) -> str:
    """One or two curves over the training.

    Args:
        curves: (what, x, y) each.
        name: what the chart shows, for those who hear the page.
        x_label: unit of x.
        share: y is a share of one, written in percent.
        smooth: draws a dense, noisy curve thin, with its moving average over it.
        zero: y starts at 0.
        marked: the point of the last curve to circle.

    Returns:
        an <svg> element.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

    with _style():
        figure, axes = _figure(4.4, 2.6)
        for (what, x, y), color in zip(curves, (ACCENT, SECOND), strict=False):
            x, y = _thinned(np.asarray(x, float), np.asarray(y, float))
            if smooth and len(y) > 60:
                axes.plot(x, y, color=color, linewidth=0.7, alpha=0.35)
                y = _smoothed(y)
            axes.plot(x, y, color=color, linewidth=1.6, label=what, marker="o" if len(y) < 12 else "", markersize=2.6)
        if marked is not None:
            _, x, y = (np.asarray(part) for part in curves[-1])
            axes.plot(x[marked], y[marked], "o", markersize=6, markerfacecolor="none", markeredgecolor=SECOND)
        if len(curves) > 1:
            axes.legend(loc="best", handlelength=1.4, borderaxespad=0.2)
        if zero:
            axes.set_ylim(bottom=0)
        if share:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol=" %"))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(x_label)
        axes.grid(visible=False, axis="x")
        return _svg(figure, name)


def scatter_chart(targets: ArrayLike, predicted: ArrayLike, *, name: str) -> str:
    """Predicted against true values with the line where both are equal; at most 2,000 points are drawn."""
    x, y = np.asarray(targets, float).ravel(), np.asarray(predicted, float).ravel()
    if len(x) > 2000:
        kept = np.random.default_rng(0).choice(len(x), 2000, replace=False)
        x, y = x[kept], y[kept]
    with _style():
        figure, axes = _figure(4.4, 4.0)
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        room = (high - low or 1.0) * 0.04
        ends = (low - room, high + room)
        axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.scatter(x, y, s=7, color=ACCENT, alpha=0.45 if len(x) > 100 else 0.7, linewidths=0)
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")
        return _svg(figure, name, tight=True)


def confusion_chart(matrix: NDArray[np.int64], labels: Sequence[str], *, name: str) -> str:
    """A confusion matrix: right answers blue, wrong ones orange, the stronger the larger their share of the true class.

    With up to 15 classes each cell carries its count, with up to 30 each row its name.
    """
    classes = len(matrix)
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    strength = np.sqrt(share)  # a rare confusion is still seen
    pixels = np.empty((classes, classes, 4))
    pixels[..., :3] = np.where(np.eye(classes, dtype=bool)[..., None], RIGHT, WRONG)
    pixels[..., 3] = strength
    cell = 0.36 if classes <= 15 else 0.2 if classes <= 30 else 5.0 / classes
    side = max(cell * classes, 1.2)
    with _style():
        figure, axes = _figure(side, side)
        axes.set_position((0, 0, 1, 1))
        axes.imshow(pixels, interpolation="none", aspect="equal")
        axes.grid(visible=False)
        axes.tick_params(length=0, pad=3, labelsize=8)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if classes <= 30:
            short = [printable(label, 16) for label in labels]
            axes.set_yticks(range(classes), short)
            axes.set_xticks(range(classes), short, rotation=45, rotation_mode="anchor", ha="right")
            lines = np.arange(classes + 1) - 0.5
            axes.hlines(lines, -0.5, classes - 0.5, color=GRID, linewidth=0.6)
            axes.vlines(lines, -0.5, classes - 0.5, color=GRID, linewidth=0.6)
        else:
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_visible(True)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if classes <= 15:
            size = 8 if matrix.max() < 1000 else 6.5
            for i, j in zip(*np.nonzero(matrix), strict=True):
                color = "white" if strength[i, j] > 0.75 else INK
                axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", color=color, fontsize=size)
        return _svg(figure, name, tight=True)


def _style() -> Any:
    import matplotlib

    return matplotlib.rc_context(STYLE)


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """A figure outside of pyplot's global state, with one pair of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.125, 0.17, 0.855, 0.79))
    return figure, axes


def _svg(figure: "Figure", name: str, *, tight: bool = False) -> str:
    """The figure as an <svg> element for a page: no ids that clash, no outside names, the page's colours."""
    import matplotlib

    stored = io.StringIO()
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": name}):
        warnings.filterwarnings("ignore", message="Glyph")  # the page's font draws the text; this one only measures it
        box: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.04} if tight else {}
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stored, format="svg", transparent=True, metadata=no_metadata, **box)
    svg = stored.getvalue()
    svg = svg[svg.index("<svg") :]
    view = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert view is not None
    width = math.ceil(float(view[1]))
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[A-Za-z\d.]+_\d+"', "", svg)  # figure_1, axes_1: the same in every chart, referred to by none
    for stand_in, variable in VARIABLES.items():
        svg = svg.replace(stand_in, f"var({variable})")
    head = f'<svg class="chart" role="img" aria-label="{_escaped(name)}" style="--width: {width}px" {view[0]}>'
    return re.sub(r"\n\s*", "\n", head + svg[svg.index(">") + 1 :]).strip()


def _escaped(text: str) -> str:
    import html

    return html.escape(text, quote=True)


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(x) <= POINTS:
        return x, y
    edges = np.linspace(0, len(x), POINTS + 1).astype(int)[:-1]
    sizes = np.diff(np.append(edges, len(x)))
    return np.add.reduceat(x, edges) / sizes, np.add.reduceat(y, edges) / sizes


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred moving average over a twentieth of the curve, shorter at its ends."""
    window = np.ones(len(values) // 20 * 2 + 1)
    return np.convolve(values, window, "same") / np.convolve(np.ones_like(values), window, "same")
