"""What the loop is told of a recipe, and of the time that is left."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from tests.recipes.test_choose import given

from smalti.nn.threads import Threads
from smalti.recipes import pictures as running
from smalti.recipes import training
from smalti.recipes.assemble import Run, make_pictures
from smalti.recipes.choose import choose
from smalti.recipes.settings import RunConfig
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


def a_run(folder, **settings) -> Run:
    """A run with 100 seconds to train."""
    circumstances = given(n=30, settings=settings)
    recipe, source = choose(circumstances).recipe, circumstances.source
    place = ("made", "classify", "", "cpu", 0, "stop", "stop", False, 100.0, False, "")
    return Run(
        folder=RunFolder(folder),
        config=RunConfig(*place),
        recipe=recipe,
        choices=(),
        source=source,
        check=circumstances.check,
        split=circumstances.split,
        pictures=make_pictures(recipe, source, 0, show=False),
        scale=None,
        device=torch.device("cpu"),
        threads=Threads(1),
        began=0.0,
        show=False,
    )


@pytest.fixture
def slow(monkeypatch):
    """Reading takes 40 seconds; what was read."""
    now, read = [0.0], []

    def reading(pictures, parts):
        read.append(parts)
        now[0] += 40

    monkeypatch.setattr(running, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(running, "read_pictures", reading)
    return read


def test_the_time_that_reading_took_is_gone_from_training(slow, monkeypatch, tmp_path):
    told = {}
    monkeypatch.setattr(running, "run_loop", lambda *_, **options: told.update(options))
    run = running.having_read(a_run(tmp_path))
    running.run_training(run, state=cast(Any, SimpleNamespace(model=None)))
    assert told["seconds"] == 60


def test_it_is_gone_before_a_teacher_has_its_share(slow, monkeypatch, tmp_path):
    """Both learn from the same pictures, which are read once."""
    monkeypatch.setattr(running, "taught", lambda run, _: pytest.fail(f"{run.config.seconds:g} to share"))
    with pytest.raises(pytest.fail.Exception, match="60 to share"):
        running.carry_out(a_run(tmp_path, teacher={"model": "auto"}))
    assert len(slow) == 1
