"""A number with its uncertainty, and how both are written down for people."""

import math
from dataclasses import dataclass

__all__ = ["Metric", "number", "percent"]


@dataclass(frozen=True)
class Metric:
    """One measured figure with its 95 % interval.

    Args:
        value: the estimate.
        low: lower end of the 95 % interval; None where the samples are too few to say.
        high: upper end, likewise.
        n: samples it rests on.
        share: True for a share of one, written in percent (accuracy); False for a plain number (log loss).
        note: what a reader must know beside the number ("2 labels without positives left out").
        groups: how many groups (patients, videos) the samples are in, where the data says so: the interval reckons with
            samples of one group being alike.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    share: bool = True
    note: str = ""
    groups: int | None = None

    def to_dict(self) -> dict[str, float | int | str | None]:
        """The stable shape of a metric in JSON; `note` and `groups` only where there are any."""
        data: dict[str, float | int | str | None] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
        }
        data |= {"note": self.note} if self.note else {}
        return data | ({"groups": self.groups} if self.groups else {})

    @property
    def text(self) -> str:
        """The value alone: "98.3 %" or "0.0512"."""
        return percent(self.value) if self.share else number(self.value)

    @property
    def interval(self) -> str:
        """The interval alone, without the unit: "97.1–99.0"; empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        low, high = (percent(x).removesuffix(" %") if self.share else number(x) for x in (self.low, self.high))
        return f"{low}–{high}"

    @property
    def samples(self) -> str:
        """n in words: "528", or "528 in 176 groups"."""
        return f"{self.n:,}" + (f" in {self.groups:,} group{'' if self.groups == 1 else 's'}" if self.groups else "")

    def __str__(self) -> str:
        n = f"n = {self.samples}"
        return f"{self.text} ({self.interval}, {n})" if self.interval else f"{self.text} ({n})"


def percent(share: float) -> str:
    """A share of one in percent. Only what is whole is called 100.0 %: 0.9999 is "99.99 %", never rounded up to it."""
    for digits in range(1, 9):  # what eight digits do not tell from the whole is the rounding of sums
        text = f"{100 * share:.{digits}f}"
        if share >= 1 or float(text) < 100:
            return f"{text} %"
    return f"{100 * share:.1f} %"


def number(value: float) -> str:
    """A plain number with three significant digits, or whole thousands: "0.0512", "12.3", "12,345"."""
    if not math.isfinite(value):
        return str(value)
    if value != 0 and abs(value) < 1e-4:
        return f"{value:.2e}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 2 if value == 0 else min(max(2 - math.floor(math.log10(abs(value))), 0), 6)
    return f"{value:.{digits}f}".replace("-", "−")
