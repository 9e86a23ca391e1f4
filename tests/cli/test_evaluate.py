import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import smalti
from smalti import api
from smalti.cli import run
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError, StorageError
from smalti.evaluate.confusion import confusion, per_class
from smalti.evaluate.evaluation import Evaluation
from smalti.evaluate.metrics import Metric
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.modelfile import ModelFile, write_model
from smalti.models import create_model
from smalti.recipes.assemble import open_data


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made: dict[str, Any] = {}

    def evaluate(model: str, data: str, **given: Any) -> TextEvaluation:
        made.update(model=model, data=data, **given)
        return TextEvaluation(360, {"accuracy": Metric(0.983, 0.971, 0.99, 360)})

    monkeypatch.setattr(api, "evaluate", evaluate)
    return made


def test_the_words_of_the_command_line_reach_the_library(calls: dict[str, Any]):
    words = ["--split", "val", "--report", "r.html", "--download", "--merge", "8", "--patch-size", "4", "--beams", "3"]
    words += ["--device", "cuda", "--column", "label=dx"]
    assert run(["evaluate", "runs/a", "pictures", *words]) == 0
    assert calls == {
        "model": "runs/a",
        "data": "pictures",
        "columns": {"label": "dx"},
        "split": "val",
        "int8": None,
        "merge": 8,
        "patch_size": 4,
        "beams": 3,
        "device": "cuda",
        "report": Path("r.html"),
        "download": True,
    }


def measured(monkeypatch: pytest.MonkeyPatch, targets: list[int], predicted: list[int], labels: list[str]) -> None:
    """Lets `evaluate` find these answers."""
    about: Any = {"mistakes": (), "outputs": None, "labels": tuple(labels)}
    found = Evaluation(
        **about,
        n=len(targets),
        metrics={"accuracy": Metric(float(np.mean(np.equal(targets, predicted))), 0.1, 0.9, len(targets))},
        table=per_class(targets, predicted, labels),
        confusion=confusion(targets, predicted, len(labels)),
    )
    monkeypatch.setattr(api, "evaluate", lambda *_, **__: found)


def test_json_is_n_metrics_classes_and_confusion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    measured(monkeypatch, [0, 0, 1, 1], [0, 1, 1, 1], ["a", "b"])
    assert run(["evaluate", "runs/a", "pictures", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["n", "metrics", "classes", "confusion"]
    assert said["metrics"]["accuracy"] == {"value": 0.75, "low": 0.1, "high": 0.9, "n": 4}
    assert said["classes"] == [
        {"label": "a", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2},
        {"label": "b", "precision": pytest.approx(2 / 3), "recall": 1.0, "f1": 0.8, "support": 2},
    ]
    assert said["confusion"] == [[1, 1], [0, 2]]


def test_the_classes_stand_below_the_headline_weakest_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    measured(monkeypatch, [0, 0, 1, 1], [0, 0, 1, 0], ["a", "b"])
    assert run(["evaluate", "runs/a", "pictures"]) == 0
    headline, classes = capsys.readouterr().out.split("\n\n")
    assert "accuracy" in headline
    heading, _, *rows = (re.split(r"  +", line.strip()) for line in classes.strip().splitlines())
    assert heading == ["label", "precision", "recall", "95 % interval", "f1", "pictures"]
    assert rows == [
        ["b", "100.0 %", "50.0 %", "9–91", "66.7 %", "2"],
        ["a", "66.7 %", "100.0 %", "34–100", "80.0 %", "2"],
    ]


def test_of_many_classes_the_weakest_are_shown_and_their_names_do_no_harm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "140")
    labels = [f"class {k}" for k in range(23)] + ["[red]not[/red]\x1b[31m\n\u202e", "x" * 500]
    answers = list(range(25))
    measured(monkeypatch, answers * 2, [*answers, *answers[:23], 24, 23], labels)
    assert run(["evaluate", "runs/a", "pictures"]) == 0
    classes = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert classes[-1] == "the weakest 20 of 25; all of them: --report FILE or --json"
    assert len([line for line in classes if line.rstrip().endswith(" 2")]) == 20
    assert sum("50.0 %" in line for line in classes) == 2
    assert any(line.startswith(r"[red]not[/red]\x1b[31m\n\u202e  ") for line in classes)
    assert any(f"{'x' * 30}…{'x' * 30}  " in line for line in classes)
    assert all(line.isprintable() for line in classes)


def test_json_of_text_is_n_and_metrics(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    assert run(["evaluate", "runs/a", "pictures", "--json"]) == 0
    assert calls["split"] == "test"
    assert json.loads(capsys.readouterr().out) == {
        "n": 360,
        "metrics": {"accuracy": {"value": 0.983, "low": 0.971, "high": 0.99, "n": 360}},
    }


def test_people_get_a_table_and_the_place_of_the_report(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    assert run(["evaluate", "runs/a", "pictures", "--report", "r.html"]) == 0
    out = capsys.readouterr().out
    assert "test: 360 samples" in out
    assert "98.3 %" in out
    assert "report: r.html" in out


def test_other_data_is_measured_as_a_whole_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A held-out folder: its test pictures where it names them, else the share that training would keep, and it says
    so; all of it where all is asked for."""
    module = create_model("vit_nano_patch2_8", num_classes=2, in_chans=1).eval()
    preprocess = Preprocess((8, 8), 1, (0.5,), (0.5,))
    about = {"data": "photos", "fingerprint": "of photos"}
    file = ModelFile("vit", module, "classify", ("a", "b"), preprocess, provenance=about)
    write_model(tmp_path / "m.safetensors", file)
    for where in ("new", "held/test"):
        for i, label in enumerate("aabb" * 5):
            (tmp_path / where / label).mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 9 * i).save(tmp_path / where / label / f"{i}.png")

    def measured(data: str, *words: str) -> tuple[int, str]:
        assert run(["evaluate", str(tmp_path / "m.safetensors"), str(tmp_path / data), "--json", *words]) == 0
        out, err = capsys.readouterr()
        return json.loads(out)["n"], err

    n, said = measured("new")
    assert n == 2
    assert "test: 2 of 20 pictures" in said
    assert "--split all" in said
    assert measured("new", "--split", "all", "--report", str(tmp_path / "r.html")) == (20, "")
    page = (tmp_path / "r.html").read_text()
    assert "trained on photos" in page
    assert "pictures of other data" in page
    assert measured("held") == (20, "")


def test_a_copy_of_the_training_data_is_that_data_and_what_was_learned_is_not_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for i, label in enumerate("ab" * 10):
        (tmp_path / "photos" / label).mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9 * i).save(tmp_path / "photos" / label / f"{i}.png")
    words = {"task": None, "seed": 0, "fraction": 1.0, "bad_images": "stop", "leaks": "stop", "download": False}
    source, _, _ = open_data(tmp_path / "photos", **words, show=False)
    module = create_model("vit_nano_patch2_8", num_classes=2, in_chans=1).eval()
    about = {"data": "photos", "fingerprint": source.fingerprint}
    preprocess = Preprocess((8, 8), 1, (0.5,), (0.5,))
    write_model(tmp_path / "m", ModelFile("vit", module, "classify", ("a", "b"), preprocess, provenance=about))
    ready = smalti.load(tmp_path / "m")

    def said(data: str, split: str) -> str:
        smalti.evaluate(ready, tmp_path / data, split=split)  # type: ignore[arg-type]
        return capsys.readouterr().err.strip()

    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "photos")
    learned = "all: 20 pictures  (It learned from most of these pictures: new ones may be harder.)"
    assert said("packed.zip", "all") == learned
    shutil.copytree(tmp_path / "photos", tmp_path / "copy", copy_function=shutil.copyfile)  # with times of its own
    (tmp_path / "copy" / "a" / "0.png").rename(tmp_path / "copy" / "a" / "00.png")
    assert said("copy", "test") == ""
    Image.new("L", (8, 8), 255).save(tmp_path / "copy" / "a" / "00.png")
    assert "--split all measures every one" in said("copy", "test")


def test_what_cannot_be_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(api, "opened", lambda *_, **__: pytest.fail("the model is read"))
    with pytest.raises(StorageError, match=r"nowhere/r\.html: could not be written"):
        smalti.evaluate("m", "digits", report=tmp_path / "nowhere" / "r.html")
    with pytest.raises(InputError, match="split = 'tset' is not one of train, val, test, all; did you mean \"test\""):
        smalti.evaluate("m", "digits", split="tset")  # type: ignore[arg-type]


def test_merging_says_what_it_gains_and_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plainly = {"augment.flip": "none"}
    smalti.train(
        "digits", model="vit_nano_patch2_8", steps=4, overrides=plainly, out=tmp_path / "run", report=False, show=False
    )
    capsys.readouterr()
    assert run(["evaluate", str(tmp_path / "run"), "digits", "--merge", "2", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)["metrics"]["accuracy"]
    assert re.search(
        r"merging 2 tokens a block: [\d.,]+ pictures a second  \([\d.,]+ without: [\d.]+ times as fast", err
    )
    plain = smalti.evaluate(tmp_path / "run", "digits", show=False).metrics["accuracy"]
    merged = Metric(**{name: found[name] for name in ("value", "low", "high", "n")})
    assert f"accuracy: {merged}  ({plain} without merging)" in err
    assert run(["predict", str(tmp_path / "run"), "nowhere.png", "--merge", "-2"]) == 2
    assert "merge = -2 is not 0 or more" in capsys.readouterr().err
