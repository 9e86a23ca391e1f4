"""Draws what growth.py has recorded: a picture an axis in docs/images/, and its law between the marks of
docs/performance.md.

    python benchmarks/speed/growth_plots.py [RECORD]        (the latest in benchmarks/results/ unless named)

A law is an exponent: the slope of a line through the upper half of the points, both axes logarithmic.
"""

import json
import re
import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from smalti.errors import counted

ROOT = Path(__file__).parents[2]
COLOURS = {
    "training": "#c05621",
    "inference": "#2b6cb0",
    "folder": "#2b6cb0",
    "tar": "#c05621",
    "manifest": "#6b8e23",
    "in memory": "#2b6cb0",
    "streamed": "#c05621",
}
SIDES = {  # axis: what its pictures are of
    "batch": "pictures a batch",
    "tokens": "tokens a picture",
    "width": "width",
    "depth": "blocks",
    "files": "pictures in the data set",
    "epochs": "epoch",
}
STYLE = {
    "font.size": 9,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}
Curve = tuple[list[float], list[float]]


def main() -> None:
    records = sorted((ROOT / "benchmarks" / "results").glob("growth-*.json"))
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else records[-1]
    record = json.loads(path.read_text())
    page = ROOT / "docs" / "performance.md"
    text = page.read_text("utf-8")
    for axis, found in record["axes"].items():
        with plt.rc_context(STYLE):
            laws = DRAWN.get(axis, draw_models)(axis, found)
        picture = f"![{alternative(axis)}](images/growth-{axis}.png)"
        between = f"<!-- growth-{axis}:begin -->\n{picture}\n\n{laws}\n<!-- growth-{axis}:end -->"
        marks = rf"<!-- growth-{axis}:begin -->.*?<!-- growth-{axis}:end -->"
        text = re.sub(marks, lambda _, between=between: between, text, flags=re.DOTALL)
    about = f"<!-- growth-about:begin -->\n{told(record)}\n<!-- growth-about:end -->"
    text = re.sub(r"<!-- growth-about:begin -->.*?<!-- growth-about:end -->", lambda _: about, text, flags=re.DOTALL)
    page.write_text(text, "utf-8")


def draw_models(axis: str, found: dict) -> str:
    """Pictures a second below what the processor could, and memory."""
    figure, (speed, memory) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    laws = []
    for work in ("training", "inference"):
        rate, most, mib = (curve(found, work, of) for of in (per_second, lambda row: ceiling(found, row), mebibytes))
        speed.plot(*rate, "o-", ms=4, color=COLOURS[work], label=work)
        speed.plot(*most, "--", lw=1, color=COLOURS[work], label=f"{work}, floor of its cost")
        memory.plot(*mib, "o-", ms=4, color=COLOURS[work], label=work)
        laws.append(
            f"{work}: pictures a second ∝ {axis}{raised(rate)} (by the floor ∝ {axis}{raised(most)}); "
            f"memory ∝ {axis}{raised(mib)}"
        )
    values = sorted({row["x"] for row in found["rows"]})
    for axes, label in ((speed, "pictures a second"), (memory, "peak memory, MiB")):
        logarithmic(axes, SIDES[axis], label)
        axes.set_xticks(values, [f"{value:,}" for value in values])
        axes.legend(fontsize=8)
    save(figure, axis)
    return ". ".join(one[0].upper() + one[1:] for one in laws) + "."


def draw_files(axis: str, found: dict) -> str:
    """Time and memory of opening and of checking."""
    figure, (seconds, memory) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    laws = []
    for kind in ("folder", "tar", "manifest"):
        opening = curve(found, kind, lambda row: row["open_seconds"])
        held, most = (curve(found, kind, lambda row, key=key: row[key]) for key in ("open_mib", "open_peak"))
        seconds.plot(*opening, "o-", ms=4, color=COLOURS[kind], label=f"opening a {kind}")
        memory.plot(*most, "o-", ms=4, color=COLOURS[kind], label=f"opening a {kind}, at most")
        memory.plot(*held, "o:", ms=3, lw=1, color=COLOURS[kind], label="and when it is open")
        laws.append(
            f"opening a {kind}: seconds ∝ n{raised(opening)}, {microseconds(opening)} µs a picture, "
            f"{a_picture(held)} bytes held and {a_picture(most)} at most"
        )
    for what, name, line in (("check", "the first check", "-"), ("again", "a later check", ":")):
        checking = curve(found, "folder", lambda row, what=what: row.get(f"{what}_seconds"))
        seconds.plot(*checking, f"s{line}", ms=3, color="#555555", label=f"{name} of a folder")
        most = curve(found, "folder", lambda row, what=what: row.get(f"{what}_peak"))
        laws.append(
            f"{name} of a folder: seconds ∝ n{raised(checking)}, {microseconds(checking)} µs and {a_picture(most)} "
            f"bytes at most a picture"
        )
    logarithmic(seconds, SIDES[axis], "seconds")
    logarithmic(memory, SIDES[axis], "memory, MiB")
    for axes in (seconds, memory):
        axes.legend(fontsize=7, loc="upper left")
    save(figure, axis)
    return "\n".join(f"- {one[0].upper()}{one[1:]}." for one in laws)


def draw_epochs(axis: str, found: dict) -> str:
    """Memory after each epoch."""
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    laws = []
    for work in dict.fromkeys(row["work"] for row in found["rows"]):
        x, y = curve(found, work, mebibytes)
        axes.plot(x, y, "o-", ms=4, color=COLOURS[work], label=f"pictures {work}")
        half = len(x) // 2
        slope = np.polyfit(x[half:], y[half:], 1)[0]
        laws.append(
            f"pictures {work}: {y[0]:,.1f} MiB after the first epoch, {y[-1]:,.1f} after the last, {slope:+.2f} an "
            "epoch over the second half"
        )
    axes.set(xlabel=SIDES[axis], ylabel="resident memory, MiB")
    axes.set_ylim(0, 1.2 * max(mebibytes(row) for row in found["rows"]))
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.legend(loc="lower right", fontsize=8)
    save(figure, axis)
    told = "; ".join(laws)
    return f"{told[0].upper()}{told[1:]}."


DRAWN = {"files": draw_files, "epochs": draw_epochs}


def curve(found: dict, work: str, of) -> Curve:
    """(x, y) of the rows of one kind of work that have a y."""
    points = [(row["x"], of(row)) for row in found["rows"] if row["work"] == work]
    kept = [(x, y) for x, y in points if y is not None]
    return [x for x, _ in kept], [y for _, y in kept]


def per_second(row: dict) -> float:
    return row["items_per_second"]


def mebibytes(row: dict) -> float:
    return row["mib"]


def ceiling(found: dict, row: dict) -> float:
    """Pictures a second if all operations were those of large matrix products."""
    return found["peak"] / row["operations"]


def exponent(points: Curve) -> float:
    """The slope over the upper half of the points, logarithmic."""
    x, y = (np.log(np.maximum(values, 1e-9)) for values in points)
    half = len(x) // 2
    return float(np.polyfit(x[half:], y[half:], 1)[0])


def raised(points: Curve) -> str:
    return f"^{round(exponent(points), 2) + 0.0:.2f}"  # never -0.00


def microseconds(points: Curve) -> str:
    """A picture, at the last point."""
    return f"{1e6 * points[1][-1] / points[0][-1]:.0f}"


def a_picture(points: Curve) -> str:
    """Bytes each further picture takes, between the last two points: what every process has is left out."""
    (x0, x1), (y0, y1) = (values[-2:] for values in points)
    return f"{(y1 - y0) * 2**20 / (x1 - x0):.0f}"


def logarithmic(axes: Axes, x: str, y: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
    axes.minorticks_off()


def save(figure: Figure, axis: str) -> None:
    figure.savefig(ROOT / "docs" / "images" / f"growth-{axis}.png", dpi=110)
    plt.close(figure)


def alternative(axis: str) -> str:
    shown = {"files": "Time and memory", "epochs": "Memory"}.get(axis, "Pictures a second and memory")
    return f"{shown} against {SIDES[axis]}"


def told(record: dict) -> str:
    """How it was measured: a sentence for each machine and day."""
    by_place: dict[str, list[str]] = {}
    for axis, found in record["axes"].items():
        about = found["about"]
        packages = ", ".join(f"{name} {about['versions'][name]}" for name in ("python", "torch", "numpy"))
        threads = counted(about["threads"], "thread")
        by_place.setdefault(f"{about['machine']}, {threads}, {about['date']}; {packages}", []).append(axis)
    places = "; ".join(f"{', '.join(axes)}: {place}" for place, axes in by_place.items())
    peaks = [found["peak"] for found in record["axes"].values() if found["peak"]]
    loads = [found["load"] for found in record["axes"].values()]
    notes = {found["note"] for found in record["axes"].values()} - {""}
    gemm = f"{min(peaks) / 1e9:,.0f} to {max(peaks) / 1e9:,.0f}" if peaks else "no"
    return (
        f"`python benchmarks/speed/growth.py`. {places}. Large matrix products: {gemm} GFLOP/s, measured before each "
        f"axis. Load average before an axis {min(loads):.1f} to {max(loads):.1f}"
        f"{''.join(f'; {note}' for note in sorted(notes))}."
    )


if __name__ == "__main__":
    main()
