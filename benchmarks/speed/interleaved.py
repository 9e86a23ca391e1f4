"""Times contenders against each other in one process, turn by turn, so that a busy moment of the machine hits all."""

import gc
import statistics
import time
from collections.abc import Callable

Work = Callable[[], object]


def interleaved(contenders: dict[str, Work], *, items: int, rounds: int = 7, seconds: float = 0.4) -> list[dict]:
    """Medians over rounds; in each round every contender runs for about `seconds`, in an order that turns.

    Args:
        contenders: what to time, by name; the first is the reference.
        items: pictures a call works through.
        rounds: how often each is timed.
        seconds: of one timing.

    Returns:
        A row a contender: name, items_per_second, ratio (median over rounds of its speed over the reference's in the
        same round), low and high (the second and the last but one of those ratios).
    """
    calls = {name: max(1, round(seconds / warm(work))) for name, work in contenders.items()}
    names = list(contenders)
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            gc.collect()
            start = time.perf_counter()
            for _ in range(calls[name]):
                contenders[name]()
            speeds[name].append(items * calls[name] / (time.perf_counter() - start))
    return [row(name, speeds[name], speeds[names[0]]) for name in names]


def warm(work: Work) -> float:
    """Seconds of a call, after two that pay for caches and compilation."""
    work()
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(name: str, speeds: list[float], reference: list[float]) -> dict:
    ratios = sorted(a / b for a, b in zip(speeds, reference, strict=True))
    edge = 1 if len(ratios) > 3 else 0
    return {
        "name": name,
        "items_per_second": statistics.median(speeds),
        "ratio": statistics.median(ratios),
        "low": ratios[edge],
        "high": ratios[-1 - edge],
    }
