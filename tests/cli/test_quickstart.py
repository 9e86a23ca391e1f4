import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smalti import api
from smalti.cli import run
from smalti.evaluate.metrics import Metric
from smalti.ready import Prediction
from smalti.recipes import quickstart as recipe


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made: dict[str, Any] = {}

    def quickstart(**given: Any) -> SimpleNamespace:
        made.update(given)
        return SimpleNamespace(
            run=Path("runs/first try"),
            model=Path("runs/first try/model.safetensors"),
            task="classify",
            metrics={"accuracy": Metric(0.983, 0.971, 0.99, 360)},
            predictions=[Prediction("test/00017", "3", 0.75, (("3", 0.75), ("8", 0.25)))],
        )

    monkeypatch.setattr(api, "quickstart", quickstart)
    return made


def test_people_get_the_numbers_a_few_answers_and_what_to_try_next(
    calls: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    words = ["quickstart", "--out", "runs/first try", "--seed", "2"]
    monkeypatch.setattr("sys.argv", ["smalti", *words])
    assert run(words) == 0
    command = "smalti quickstart --out 'runs/first try' --seed 2"
    assert calls == {"out": Path("runs/first try"), "seed": 2, "command": command}
    out = capsys.readouterr().out
    assert "98.3 %" in out
    assert "97.1–99.0" in out
    assert "test/00017" in out
    assert "runs/first try/report.html" in out
    assert "smalti train PICTURES" in out
    assert "smalti predict 'runs/first try' PICTURE" in out


def test_json_is_the_object_of_train(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    assert run(["quickstart", "--json"]) == 0
    assert (calls["out"], calls["seed"]) == (None, 0)
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {"run", "model", "task", "metrics"}
    assert said["metrics"]["accuracy"]["n"] == 360


def test_the_whole_job_in_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    train = recipe.train
    monkeypatch.setattr(recipe, "train", lambda source, *, epochs, **given: train(source, steps=2, **given))
    assert run(["quickstart", "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "Handwritten digits it has not seen" in out
    assert len(re.findall(r", a \d +\d +0\.\d{4}", out)) == 6  # an answer each
    assert {"model.safetensors", "report.html", "result.json"} <= {path.name for path in (tmp_path / "run").iterdir()}
