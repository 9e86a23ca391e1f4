"""Frozen features measured on a data set."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import smalti
from smalti import api
from smalti.cli import run
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.evaluate.metrics import Metric
from smalti.evaluate.probing import Probed
from smalti.models import create_model
from smalti.ready import Model


def test_data_that_may_mean_two_things_is_read_as_asked(tmp_path: Path):
    rows = ["path,label,target"]
    for i in range(40):
        Image.new("L", (8, 8), 6 * i).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{'ab'[i % 2]},{i}.5")
    (tmp_path / "both.csv").write_text("\n".join(rows))
    module = create_model("vit_nano_patch2_8", num_classes=2, in_chans=1)
    model = Model(module, "classify", ("a", "b"), Preprocess((8, 8), 1, (0.5,), (0.5,)))
    with pytest.raises(InputError, match="--task classify or --task regress"):
        smalti.probe(model, tmp_path / "both.csv", show=False)
    found = smalti.probe(model, tmp_path / "both.csv", task="regress", show=False)
    assert "linear_r2" in found.metrics
    found = smalti.probe(model, tmp_path / "both.csv", task="classify", show=False)
    assert {"knn_accuracy", "knn_auroc", "linear_accuracy", "linear_log_loss"} <= set(found.metrics)
    assert "knn_log_loss" not in found.metrics, "votes are no probabilities"
    with pytest.raises(InputError, match=r"task = 'clasify' is not .*; did you mean .classify."):
        smalti.probe(model, tmp_path / "both.csv", task="clasify", show=False)  # type: ignore[arg-type]


def test_the_command_has_the_option_that_its_mends_name(monkeypatch: pytest.MonkeyPatch):
    asked = {}

    def probe(*_: Any, **given: Any) -> Probed:
        asked.update(given)
        return Probed(4, {}, {"accuracy": Metric(0.5, 0.1, 0.9, 4)}, 1.0)

    monkeypatch.setattr(api, "probe", probe)
    assert run(["probe", "m", "both.csv", "--task", "classify"]) == 0
    assert asked["task"] == "classify"


def test_a_set_of_one_class_is_refused(tmp_path: Path):
    for i in range(30):
        (tmp_path / "cat").mkdir(exist_ok=True)
        Image.new("L", (8, 8), 8 * i).save(tmp_path / "cat" / f"{i}.png")
    module = create_model("vit_nano_patch2_8", num_classes=2, in_chans=1)
    model = Model(module, "classify", ("a", "b"), Preprocess((8, 8), 1, (0.5,), (0.5,)))
    with pytest.raises(InputError, match="training pictures are all of one class; give two or more"):
        smalti.probe(model, tmp_path, show=False)
