"""What the loop is told of a recipe, and of the time that is left."""

from types import SimpleNamespace
from typing import Any

import pytest

import smalti
from smalti.errors import InputError
from smalti.recipes import pictures as running
from smalti.recipes import training
from smalti.recipes.clock import CLOSING_SECONDS
from smalti.train.budget import Budget
from smalti.train.folder import RunFolder
from smalti.train.loop import LoopConfig
from smalti.train.optim import OptimConfig


@pytest.mark.parametrize("clip", [0.3, None])
def test_the_loop_clips_as_the_recipe_says(clip, monkeypatch, tmp_path):
    told = {}
    monkeypatch.setattr(training, "fit", lambda *_, **options: told.update(options))
    state: Any = SimpleNamespace(step=0)
    training.run_loop(
        state,
        batches=[],
        objective=None,
        evaluator=None,
        optim=OptimConfig(grad_clip=clip),
        loop=LoopConfig(),
        budget=Budget(steps=1),
        seed=0,
        folder=RunFolder(tmp_path),
        seconds=None,
        names=str,
        show=False,
    )
    assert told["grad_clip"] == clip


@pytest.fixture
def seconds(now, monkeypatch, unmeasured) -> list[float]:
    """What each training that begins is told it has; by a clock that reading moves by 20 seconds and work by none."""
    told = []

    def read(*_):
        now[0] += 20

    def train(run, state):
        told.append(run.config.seconds)
        raise InputError("enough")

    monkeypatch.setattr("smalti.recipes.run.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("smalti.recipes.pictures.reading_seconds", lambda *_: 0.0)
    monkeypatch.setattr("smalti.recipes.pictures.read_pictures", read)
    monkeypatch.setattr("smalti.recipes.pictures.run_training", train)
    return told


@pytest.mark.parametrize(("overrides", "share"), [({}, 1.0), ({"teacher.model": "auto"}, 0.3)])
def test_the_time_that_reading_took_is_gone_from_training(overrides, share, seconds, tmp_path):
    """Once: before a teacher gets its share, and not again when the run goes on."""
    with pytest.raises(InputError, match="enough"):
        smalti.train("digits", minutes=1, out=tmp_path / "run", overrides=overrides, show=False)
    with pytest.raises(InputError, match="enough"):
        smalti.resume(tmp_path / "run", show=False)
    assert seconds[0] == seconds[1] == pytest.approx(share * (60 - CLOSING_SECONDS - 20), abs=1)


def test_a_long_data_check_leaves_half_of_the_minutes_and_is_told(seconds, now, monkeypatch, tmp_path, capsys):
    real = running.open_data

    def slowly(*args, **options):
        now[0] += 500
        return real(*args, **options)

    monkeypatch.setattr(running, "open_data", slowly)
    with pytest.raises(InputError, match="enough"):
        smalti.train("digits", minutes=2, out=tmp_path / "run")
    assert seconds == [pytest.approx(60 - CLOSING_SECONDS - 20, abs=1)]
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "time left" in line]
    assert "60 seconds" in told
    assert "the next run on this data is spared, took 500 of its 120" in told
