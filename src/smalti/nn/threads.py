"""How many threads compute on a CPU. They share each sum and wait for each other, so where another program holds a core
all of them wait for the one that does not get it: fewer are then several times faster."""

import math
import os
import time

import torch
import torch.nn.functional as F

__all__ = ["Threads", "free_threads"]

ROUNDS = 4  # calls that are timed for each number of threads; of a core that is held, none is fast
WORTH = 1.25  # how much faster fewer threads have to be
MOMENT = 1.0  # seconds that a program which starts may hold a core


class Threads:
    """The threads of a piece of work, as a context: so many, or as many as are free. Afterwards they are as before.

    Args:
        number: how many, but never more than the machine has cores; None for as many as are free whenever `settle`
            looks, up to those there are now.
    """

    def __init__(self, number: int | None = None) -> None:
        self.number, self.most = number, torch.get_num_threads()
        self.cores = os.cpu_count() or self.most

    def __enter__(self) -> "Threads":
        """Looks again a moment later where not all are free: what is chosen for a whole run follows from it."""
        self.settle()
        if self.number is None and torch.get_num_threads() < self.most:
            time.sleep(MOMENT)
            self.settle()
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.most)

    def settle(self) -> None:
        """Sets their number, by what the machine does just now where none is fixed."""
        torch.set_num_threads(free_threads(self.most) if self.number is None else min(self.number, self.cores))


def free_threads(most: int) -> int:
    """How many threads to compute with, up to `most`: all of them, unless one fewer, or half of them, are faster by a
    quarter. Measured in about 0.2 s; leaves the number of threads as it is."""
    if most == 1:
        return 1
    before, tried = torch.get_num_threads(), {most, most - 1, most // 2}
    fastest = dict.fromkeys(tried, math.inf)
    for _ in range(ROUNDS):
        for number in tried:
            torch.set_num_threads(number)
            small_work(most)  # threads are started by the first work they get
            began = time.perf_counter()
            small_work(most)
            fastest[number] = min(fastest[number], time.perf_counter() - began)
    torch.set_num_threads(before)
    best = min(tried, key=fastest.__getitem__)
    return best if fastest[most] > WORTH * fastest[best] else most


def small_work(threads: int) -> None:
    """Two MLPs of a small model on a batch: some milliseconds of sums, shared out again and again. They grow with
    the threads, so that many of them are not slow by having little to do."""
    x, up, down = torch.full((256 * threads, 192), 0.01), torch.full((192, 768), 0.01), torch.full((768, 192), 0.01)
    for _ in range(2):
        x = F.gelu(x @ up) @ down
