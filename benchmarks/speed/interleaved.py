"""Times contenders against each other turn by turn, so that a busy moment of the machine hits all.

`interleaved` does it in this process. `apart` gives each contender a process of its own, of which one works while the
others wait: what a library sets for its whole process (the allocator, the kernels of matrix products) then serves
nobody else, and each runs as its users have it.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection

import torch

from smalti.nn.precision import best_precision

Work = Callable[[], object]
Maker = Callable[[], Work]  # builds a contender, in the process it will run in; a function of a module, or a partial
Timer = Callable[[int], float]  # calls to seconds


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
    return turns({name: partial(timed, work) for name, work in contenders.items()}, items, rounds, seconds)


def apart(contenders: dict[str, Maker], *, items: int, rounds: int = 7, seconds: float = 0.4) -> list[dict]:
    """The same, of contenders that are built and run in a process each; those of bf16 only where the CPU has it, since
    nobody would choose what takes up to five times as long there."""
    if best_precision(torch.device("cpu"))[0] != "bf16":
        contenders = {name: make for name, make in contenders.items() if "bf16" not in name}
    with ExitStack() as stack:
        timers = {name: stack.enter_context(in_child(make)) for name, make in contenders.items()}
        return turns(timers, items, rounds, seconds)


def turns(timers: dict[str, Timer], items: int, rounds: int, seconds: float) -> list[dict]:
    calls = {name: max(1, round(seconds / warm(timer))) for name, timer in timers.items()}
    names = list(timers)
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            speeds[name].append(items * calls[name] / timers[name](calls[name]))
    return [row(name, speeds[name], speeds[names[0]]) for name in names]


def timed(work: Work, calls: int) -> float:
    gc.collect()
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - start


def warm(timer: Timer) -> float:
    """Seconds of a call, after two that pay for caches and compilation."""
    timer(2)
    return timer(1)


@contextmanager
def in_child(make: Maker) -> Iterator[Timer]:
    """A timer of what `make` builds in a fresh process, which ends with the context."""
    context = get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=serve, args=(make, there), daemon=True)
    child.start()
    there.close()

    def timer(calls: int) -> float:
        here.send(calls)
        return here.recv()  # EOFError where the child died: its traceback stands above

    try:
        yield timer
    finally:
        here.close()
        child.join()


def serve(make: Maker, orders: Connection) -> None:
    """The life of a child: builds its contender, then times as many calls as it is told."""
    work = make()
    while True:
        try:
            calls = orders.recv()
        except EOFError:
            return
        orders.send(timed(work, calls))


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
