"""A run on text that was cut short goes on as if it had not been."""

import json
import os
import signal

import pytest
import torch
from tests.text_runs import LINES, TINY, stopping_at, text_file

import smalti
from smalti.errors import InputError, Interrupted
from smalti.modelfile import read_any_model

UNITS = {"model.options.embed_dim": 16, "model.options.hidden_dim": 16, "model.options.depth": 1}


@pytest.mark.parametrize(("model", "options"), [("gpt_char_mini", TINY), ("lstm_char", UNITS), ("gru_char", UNITS)])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, monkeypatch, model, options):
    """Twelve steps cross the end of an epoch; the memory of recurrent streams is part of what is kept. The text may
    have moved meanwhile."""
    data = text_file(tmp_path)
    call = {"model": model, "steps": 12, "report": False, "show": False}
    call["overrides"] = {**options, "tokens.max_len": 32, "loop.batch_size": 16, "loop.ema_decay": 0.9}
    whole = smalti.train(data, out=tmp_path / "whole", **call)
    with monkeypatch.context() as patch:
        patch.setattr("smalti.recipes.training.fit", stopping_at(7))
        with pytest.raises(Interrupted, match="--resume"):
            smalti.train(data, out=tmp_path / "cut", **call)
    resumed = smalti.resume(tmp_path / "cut", data.rename(tmp_path / "moved.txt"), show=False)
    a, b = (read_any_model(result.model).module.state_dict() for result in (whole, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a)
    rows = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "cut")]
    judged = [[json.loads(row)["val_loss"] for row in some if "val_loss" in row] for some in rows]
    assert judged[0] == judged[1]


def test_the_model_is_kept_whatever_becomes_of_the_test(tmp_path, monkeypatch):
    data = text_file(tmp_path)
    call = {"steps": 1, "overrides": TINY, "report": False, "show": False}
    with monkeypatch.context() as patch:
        patch.setattr("smalti.recipes.text.language.Language.measure", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            smalti.train(data, out=tmp_path / "run", **call)
    assert read_any_model(tmp_path / "run" / "model.safetensors").provenance["metrics"] == {}
    result = smalti.resume(tmp_path / "run", show=False)
    assert read_any_model(result.model).provenance["metrics"]["loss"]["value"] == result.metrics["loss"].value


def test_a_run_stopped_while_it_is_judged_says_how_to_go_on(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("smalti.recipes.text.run.prepared", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted, match="--resume"):
            smalti.train(text_file(tmp_path), steps=1, out=tmp_path / "run", overrides=TINY, report=False, show=False)
    assert smalti.resume(tmp_path / "run", show=False).metrics


def test_data_that_changed_is_not_gone_on_with(tmp_path):
    data = text_file(tmp_path)
    smalti.train(data, steps=2, out=tmp_path / "run", overrides=TINY, report=False, show=False)
    data.write_text(LINES * 101)
    with pytest.raises(InputError, match="changed"):
        smalti.resume(tmp_path / "run", show=False)
