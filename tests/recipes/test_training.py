"""What the loop is told of a recipe, and of the time that is left."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.recipes.test_choose import given

from smalti.nn.threads import Threads
from smalti.recipes import run as running
from smalti.recipes import training
from smalti.recipes.assemble import make_pictures
from smalti.recipes.choose import choose
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


def test_the_time_that_reading_took_is_gone_from_training(monkeypatch):
    told = {}
    monkeypatch.setattr(running, "run_loop", lambda *_, **options: told.update(options))
    circumstances = given(n=30)
    recipe, source = choose(circumstances).recipe, circumstances.source
    run: Any = SimpleNamespace(
        recipe=recipe,
        source=source,
        split=circumstances.split,
        pictures=make_pictures(recipe, source, 0, show=False),
        setting=SimpleNamespace(seconds=100.0, teacher=""),
        device=torch.device("cpu"),
        threads=Threads(1),
        folder=None,
        show=False,
    )
    running.run_training(run, state=SimpleNamespace(model=None), reading=40.0)
    assert told["seconds"] == 60
