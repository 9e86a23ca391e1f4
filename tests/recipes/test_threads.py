"""A run computes with the threads that are free, and with as many as it began with where its bits depend on them."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.text_runs import SMALL, text_file

import smalti
from smalti.errors import InputError, Interrupted
from smalti.recipes import training
from smalti.train import loop
from smalti.train.budget import Budget

PICTURES = {"model.options.depth": 2, "optim.lr": 0.02, "augment.flip": "none", "views.shift": 0}
TEXT = {f"model.options.{name}": value for name, value in SMALL.items()} | {"tokens.max_len": 16}
KINDS = ["pictures", "text"]


@pytest.fixture(autouse=True)
def two() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads are free, look after look; the last of them from then on."""
    looks = [2]

    def look(most: int) -> int:
        return min(most, looks.pop(0) if len(looks) > 1 else looks[0])

    monkeypatch.setattr("smalti.nn.threads.free_threads", look)
    monkeypatch.setattr("smalti.recipes.training.free_threads", look)
    return looks


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of threads in each step of the loop."""
    numbers: list[int] = []
    step = loop.train_step

    def counting(*args: Any, **options: Any) -> Any:
        numbers.append(torch.get_num_threads())
        return step(*args, **options)

    monkeypatch.setattr(loop, "train_step", counting)
    return numbers


def train(kind: str, folder: Path, **options: Any) -> None:
    data: Any = "digits" if kind == "pictures" else text_file(folder)
    if kind == "pictures":
        options = {"model": "cct_nano_patch2_8", "fraction": 0.1, **options}
    overrides = PICTURES if kind == "pictures" else TEXT
    smalti.train(data, out=folder / "run", overrides=overrides, device="cpu", report=False, **options)


def written(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "run" / "run.toml").read_text())


def told(folder: Path) -> list[str]:
    return [choice["value"] for choice in written(folder)["choices"] if choice["name"] == "threads"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_steps_keeps_those_it_began_with(kind, tmp_path, free, counted, monkeypatch: pytest.MonkeyPatch):
    def save_and_stop(self: Any, state: Any, *_: Any) -> None:
        if state.step == 2:
            self.save(state)
            raise loop.Stopped

    free[:] = [1, 2]
    with monkeypatch.context() as patch:
        patch.setattr(training.RunLog, "on_step", save_and_stop)
        with pytest.raises(Interrupted):
            train(kind, tmp_path, steps=4, show=False)
    assert written(tmp_path)["run"]["threads"] == 1
    assert told(tmp_path) == ["1"]
    assert torch.get_num_threads() == 2
    smalti.resume(tmp_path / "run", show=False)
    assert counted == [1, 1, 1, 1]
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_by_the_clock_follows_the_machine(kind, tmp_path, free, counted, monkeypatch: pytest.MonkeyPatch):
    def three_steps(*args: Any, budget: Budget, **options: Any) -> None:
        loop.fit(*args, budget=Budget(steps=3), **options)

    monkeypatch.setattr(training, "fit", three_steps)
    monkeypatch.setattr(loop, "SETTLE_SECONDS", -1.0)
    free[:] = [2, 1, 2]
    train(kind, tmp_path, minutes=0.15, show=False)
    assert counted == [2, 1, 2]
    assert written(tmp_path)["run"]["threads"] == "none"
    assert told(tmp_path) == []  # all of them, when it began


def test_a_number_that_is_named_is_kept_and_not_measured(tmp_path, counted, monkeypatch, capsys):
    for place in ("smalti.nn.threads", "smalti.recipes.training"):
        monkeypatch.setattr(f"{place}.free_threads", lambda most: pytest.fail("measured"))
    train("pictures", tmp_path, steps=2, threads=1)
    assert counted == [1, 1]
    assert written(tmp_path)["run"]["threads"] == 1
    assert "threads:" not in capsys.readouterr().err


def test_a_busy_machine_is_told_of(tmp_path, free, capsys):
    free[:] = [1]
    train("pictures", tmp_path, steps=1)
    assert "threads: 1  (faster than 2 beside what else this machine does)" in capsys.readouterr().err


def test_no_threads_are_none(tmp_path):
    with pytest.raises(InputError, match="--threads") as refused:
        train("pictures", tmp_path, steps=1, threads=0)
    assert "1 or more" in str(refused.value)


def test_figures_are_measured_with_those_that_are_free(text_runs, free, monkeypatch):
    data, result = text_runs["classify"]
    numbers = []
    real = smalti.api.evaluate_text
    monkeypatch.setattr(
        "smalti.api.evaluate_text", lambda *args, **more: numbers.append(torch.get_num_threads()) or real(*args, **more)
    )
    free[:] = [1]
    smalti.evaluate(result.model, data, show=False)
    assert numbers == [1]
    assert torch.get_num_threads() == 2
