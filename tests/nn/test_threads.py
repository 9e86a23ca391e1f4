"""How many threads compute, where other programs hold some of the cores."""

import time
from collections.abc import Iterator

import pytest
import torch

from smalti.nn import threads as module
from smalti.nn.threads import Threads, free_threads


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A machine of 8 cores, of which so many are free: the work is shared out, and waits where there are not enough."""
    now, machine = [0.0], {"cores": 8}

    def work(most: int) -> None:
        number = torch.get_num_threads()
        now[0] += 1 / number if number <= machine["cores"] else 1.0

    monkeypatch.setattr(module, "small_work", work)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(module.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return machine


@pytest.mark.parametrize(("cores", "expected"), [(8, 8), (7, 7), (6, 4), (4, 4)])
def test_as_many_as_are_free(free, cores, expected):
    free["cores"] = cores
    torch.set_num_threads(3)
    assert free_threads(8) == expected
    assert torch.get_num_threads() == 3


def test_a_little_faster_is_not_worth_it(monkeypatch):
    now = [0.0]

    def work(most: int) -> None:
        now[0] += 1.2 if torch.get_num_threads() == 2 else 1.0

    monkeypatch.setattr(module, "small_work", work)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    assert free_threads(2) == 2


def test_a_moment_of_quiet_is_enough_for_all_of_them(monkeypatch):
    """Where a core is held for good no call is fast; one that is says that it was let go."""
    now, calls = [0.0], [0]

    def work(most: int) -> None:
        calls[0] += 1
        quiet = calls[0] > 10
        now[0] += 0.5 if torch.get_num_threads() == 2 and quiet else 5.0 if torch.get_num_threads() == 2 else 1.0

    monkeypatch.setattr(module, "small_work", work)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    assert free_threads(2) == 2


def test_one_is_one_without_a_measurement(monkeypatch):
    monkeypatch.setattr(module, "small_work", lambda most: pytest.fail("measured"))
    assert free_threads(1) == 1


def test_the_real_work_takes_some_milliseconds():
    module.small_work(2)
    began = time.perf_counter()
    module.small_work(2)
    assert time.perf_counter() - began > 1e-4
    assert free_threads(2) in (1, 2)


def test_they_follow_the_machine_and_are_put_back(free):
    torch.set_num_threads(8)
    free["cores"] = 4
    with Threads() as threads:
        assert torch.get_num_threads() == 4
        free["cores"] = 8
        threads.settle()
        assert torch.get_num_threads() == 8
        free["cores"] = 7
        threads.settle()
        assert torch.get_num_threads() == 7
    assert torch.get_num_threads() == 8


def test_who_holds_a_core_for_a_moment_is_waited_for(free, monkeypatch):
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        free["cores"] = 8

    monkeypatch.setattr(module.time, "sleep", sleep)
    torch.set_num_threads(8)
    free["cores"] = 4
    with Threads():
        assert torch.get_num_threads() == 8
    with Threads():
        assert torch.get_num_threads() == 8
    assert waited == [module.MOMENT]  # once: on a quiet machine nobody waits


@pytest.mark.parametrize(("number", "expected"), [(1, 1), (5, 5), (64, 8)])
def test_a_number_is_kept_whatever_the_machine_does(free, number, expected):
    torch.set_num_threads(2)
    free["cores"] = 1
    with Threads(number) as threads:
        assert torch.get_num_threads() == expected
        threads.settle()
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2


def test_they_are_put_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), Threads(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before
