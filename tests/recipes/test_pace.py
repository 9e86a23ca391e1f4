import time

import pytest
import torch

from smalti.recipes import pace


@pytest.mark.parametrize(("seconds", "calls"), [((9.0, 0.1, 0.2), 2), ((0.4, 0.3, 0.2, 0.1), 4), ((0.1,) * 9, 4)])
def test_slow_work_is_timed_once_and_quick_work_a_few_times(monkeypatch, seconds, calls):
    clock, left = [0.0], iter(seconds)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work():
        clock[0] += next(left)

    assert pace.fastest(work, torch.device("cpu")) == pytest.approx(min(seconds[1:calls]))
    assert list(left) == list(seconds[calls:])
