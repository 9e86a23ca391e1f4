import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smalti import api
from smalti.cli import run
from smalti.evaluate.metrics import Metric

METRICS = {"accuracy": Metric(0.983, 0.971, 0.99, 360)}
RESULT = SimpleNamespace(run=Path("runs/a"), model=Path("runs/a/model.safetensors"), task="classify", metrics=METRICS)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command asked of the library."""
    made: dict[str, Any] = {}

    def train(data: str, **given: Any) -> SimpleNamespace:
        made["train"] = {"data": data, **given}
        return RESULT

    def resume(run: Path, data: str | None, **given: Any) -> SimpleNamespace:
        made["resume"] = {"run": run, "data": data, **given}
        return RESULT

    monkeypatch.setattr(api, "train", train)
    monkeypatch.setattr(api, "resume", resume)
    return made


def test_the_words_of_the_command_line_reach_the_library(calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    line = (
        "train pictures.zip --task regress --model vit_tiny_patch16_224 --out runs/x --minutes 2.5 --config c.toml "
        "--set optim.lr=0.001 --set name=a=b --seed 7 --bad-images skip --leaks drop --download "
        "--workers 3 --threads 2 --device cpu --fraction 0.1 --column label=dx --column group=a=b"
    )
    monkeypatch.setattr("sys.argv", ["/usr/bin/smalti", *line.split()])
    assert run(line.split()) == 0
    assert calls["train"] == {
        "command": f"smalti {line}",
        "data": "pictures.zip",
        "task": "regress",
        "columns": {"label": "dx", "group": "a=b"},
        "model": "vit_tiny_patch16_224",
        "out": Path("runs/x"),
        "minutes": 2.5,
        "epochs": None,
        "steps": None,
        "config": Path("c.toml"),
        "overrides": {"optim.lr": "0.001", "name": "a=b"},
        "seed": 7,
        "fraction": 0.1,
        "start": None,
        "teacher": None,
        "bad_images": "skip",
        "leaks": "drop",
        "download": True,
        "workers": 3,
        "threads": 2,
        "device": "cpu",
    }


@pytest.mark.parametrize("budget", ["epochs", "steps"])
def test_nothing_said_leaves_the_choice_to_the_library(calls: dict[str, Any], budget: str):
    assert run(["train", "digits", f"--{budget}", "3"]) == 0
    given = calls["train"]
    assert given.pop(budget) == 3
    assert given.pop("data") == "digits"
    assert given.pop("overrides") == {}
    assert given.pop("bad_images") == given.pop("leaks") == "stop"
    assert given.pop("download") is False
    assert given.pop("command").startswith("smalti")
    assert set(given.values()) == {None}


@pytest.mark.parametrize("data", [None, "moved.zip"])
@pytest.mark.parametrize("device", [None, "cpu"])
def test_resume_takes_the_run_where_its_data_is_now_and_a_device(
    calls: dict[str, Any], data: str | None, device: str | None
):
    options = ["--device", device] if device else []
    assert run(["train", *filter(None, [data]), "--resume", "runs/a", *options]) == 0
    assert calls == {"resume": {"run": Path("runs/a"), "data": data, "device": device}}


def test_resume_takes_no_other_option(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    assert run(["train", "--resume", "runs/a", "--device", "cpu", "--seed", "1"]) == 2
    assert "leave out options other than --device" in capsys.readouterr().err
    assert not calls


def test_json_ends_with_one_object_on_stdout(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    assert run(["train", "digits", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "run": "runs/a",
        "model": "runs/a/model.safetensors",
        "task": "classify",
        "metrics": {"accuracy": {"value": 0.983, "low": 0.971, "high": 0.99, "n": 360}},
    }


def test_people_get_the_metric_its_interval_and_where_the_run_is(
    calls: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    assert run(["train", "digits"]) == 0
    out = capsys.readouterr().out
    assert "98.3 %" in out
    assert "97.1–99.0" in out
    assert "runs/a" in out
