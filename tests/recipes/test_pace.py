"""How fast work is, by a clock that the tests move."""

import time
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch

from smalti.data.preprocess import Preprocess
from smalti.models import create_model
from smalti.recipes import pace
from smalti.train.optim import OptimConfig

RULE = Preprocess((8, 8), 1, (0.5,), (0.5,))


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """What the time is; nothing but a test moves it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


class Pictures:
    """Blank ones that so many threads read at once, each of which then takes `seconds`, but for the first `warming`."""

    def __init__(self, clock: list[float], threads: int, seconds: float, warming: float = 0.0) -> None:
        self.clock, self.threads, self.seconds, self.warming, self.rounds = clock, threads, seconds, warming, 0
        self.together = Barrier(threads, self.advance, timeout=60)

    def advance(self) -> None:
        """All have read one."""
        self.rounds += 1
        self.clock[0] += self.seconds + (self.warming if self.rounds == 1 else 0)

    def read(self, index: int) -> np.ndarray:
        """As of a `Source`."""
        self.together.wait()
        return np.zeros((8, 8), np.uint8)

    def measured(self, n: int) -> float:
        """Seconds from one of n pictures to the next."""
        source: Any = self
        return pace.reading_seconds(source, np.arange(n), RULE, self.threads)


@pytest.mark.parametrize(("seconds", "calls"), [((9.0, 0.1, 0.2), 2), ((0.4, 0.3, 0.2, 0.1), 4), ((0.1,) * 9, 4)])
def test_slow_work_is_timed_once_and_quick_work_a_few_times(clock, seconds, calls):
    left = iter(seconds)

    def work():
        clock[0] += next(left)

    assert pace.fastest(work, torch.device("cpu")) == pytest.approx(min(seconds[1:calls]))
    assert list(left) == list(seconds[calls:])


@pytest.mark.parametrize("threads", [1, 8])
def test_the_time_to_read_is_that_of_a_picture_and_all_threads(threads, clock):
    assert Pictures(clock, threads, 0.002).measured(96) == pytest.approx(0.002 / threads)


def test_the_time_to_read_is_not_that_of_the_first_picture(clock):
    pictures = Pictures(clock, 1, 0.0, warming=0.2)
    assert pictures.measured(50_000) == pytest.approx(0.2 / pictures.rounds)
    assert pictures.rounds == pace.READ


def test_the_time_to_read_is_measured_in_about_a_second(clock):
    pictures = Pictures(clock, 2, 0.3)
    assert pictures.measured(1000) == pytest.approx(0.15)
    assert pictures.rounds == 4


def test_a_step_is_timed_in_as_many_parts_as_the_run_takes_it_in():
    """Else it may run out of memory where the run would not."""
    model, seen = create_model("cct_nano_patch2_8", num_classes=2, in_chans=1, depth=2), []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    pace.measure_pace(model, batch_size=8, optim=OptimConfig(), precision="fp32", accumulate=4)
    assert set(seen) == {2}
