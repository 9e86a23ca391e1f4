"""Whole runs on small real data, through the command line: what a run folder holds, and that a run can be repeated."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from tests.picture_runs import PLAIN, QUICK, result, rows, same_weights, smalti_

import smalti
from smalti import api, data
from smalti.data.check import check
from smalti.data.pictures import Pictures
from smalti.data.split import split
from smalti.errors import InputError
from smalti.modelfile import read_model
from smalti.recipes.clock import Clock
from smalti.train import loop

pytestmark = pytest.mark.usefixtures("here")

LEARNS = "--model cct_nano_patch2_8 --set model.options.depth=2 --set optim.lr=0.04"


def last_of_equals(judged: list[dict[str, float]], n: int) -> float:
    """The last step that none before it beats by more than the standard error of n pictures."""
    accuracies = np.array([row["val_accuracy"] for row in judged])
    errors = np.sqrt(accuracies * (1 - accuracies) / n)
    kept = accuracies + errors >= np.maximum.accumulate(accuracies)
    return judged[np.flatnonzero(kept)[-1]]["step"]


def test_the_whole_way_on_digits(capsys: pytest.CaptureFixture[str]):
    learn = f"train digits {LEARNS} --epochs 2 --device cpu --set loop.batch_size=64 --set loop.evaluations=6"
    assert smalti_(f"{learn} --out r --json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["metrics"]["accuracy"]["value"] > 0.8  # a tenth by chance

    files = {path.relative_to("r").as_posix() for path in Path("r").rglob("*") if path.is_file()}
    assert files == {
        ".lock",
        "run.toml",
        "metrics.jsonl",
        "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
        "model.safetensors",
        "result.json",
        "report.html",
    }
    found = result("r")
    assert set(found) == {
        *("run", "model", "task", "n", "skipped", "metrics", "seconds", "timing", "steps", "best_step", "parameters")
    }
    assert (found["run"], found["model"], found["task"]) == ("r", "r/model.safetensors", "classify")
    assert said == {key: found[key] for key in ("run", "model", "task", "metrics")}
    source = data.open("digits")
    parts = split(source, check(source).facts, seed=0)
    assert found["n"] == len(parts.test) == found["metrics"]["accuracy"]["n"]
    assert found["skipped"] == 0
    assert found["steps"] == 2 * (len(parts.train) // 64)
    assert found["best_step"] in [row["step"] for row in rows("r")]
    assert found["metrics"]["accuracy"]["low"] < found["metrics"]["accuracy"]["value"]
    judged = [row for row in rows("r") if "val_accuracy" in row]
    assert found["best_step"] == last_of_equals(judged, len(parts.val))

    assert smalti_("evaluate r digits --json --report again.html") == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert (evaluated["n"], evaluated["metrics"]) == (found["n"], found["metrics"])
    assert len(evaluated["classes"]) == len(evaluated["confusion"]) == 10

    model = smalti.load("r")
    answers = model.predict([source.read(int(i)) for i in parts.test])
    right = [model.labels.index(one.label) == source.targets[i] for one, i in zip(answers, parts.test, strict=True)]
    assert np.mean(right) == pytest.approx(found["metrics"]["accuracy"]["value"])

    page = Path("r/report.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert 'src="http' not in page
    assert "<svg" in page
    assert "again.html" in [path.name for path in Path().iterdir()]

    told = tomllib.loads(Path("r/run.toml").read_text())
    assert told["run"]["fingerprint"] == replace(source, hashes=check(source).facts.hashes).fingerprint
    assert all(choice["reason"] for choice in told["choices"])
    assert model.provenance["metrics"] == found["metrics"]
    assert model.provenance["seed"] == 0


def test_a_run_can_be_repeated_by_its_seed_and_by_its_run_toml():
    train = f"train digits {QUICK} --steps 3 --set optim.grad_clip=none"
    assert smalti_(f"{train} --seed 3 --out a") == 0
    assert smalti_(f"{train} --seed 3 --out b") == 0
    assert smalti_(f"{train} --seed 4 --out c") == 0
    assert smalti_("train digits --config a/run.toml --device cpu --out d") == 0
    for other in ("b", "d"):
        assert same_weights("a", other)
        assert same_weights("a", other, "checkpoints/last.safetensors")
        assert rows("a") == rows(other)
        assert result("a")["metrics"] == result(other)["metrics"]
    assert not same_weights("a", "c")
    a, d = (tomllib.loads(Path(name, "run.toml").read_text()) for name in "ad")
    assert {key: a[key] for key in a if key not in ("run", "choices")} == {
        key: d[key] for key in d if key not in ("run", "choices")
    }


def test_an_option_goes_before_a_setting_and_a_setting_before_a_file():
    Path("c.toml").write_text(
        'seed = 9\n[budget]\nepochs = 50\n[optim]\nname = "adamw"\nlr = 1.0\n[model]\npreset = "cct_mini_patch2_8"\n'
    )
    api.train(
        "digits",
        model="vit_nano_patch2_8",
        steps=2,
        config="c.toml",
        overrides={"optim.lr": "0.01", "model.options.depth": 1},
        device="cpu",
        out="r",
        show=False,
    )
    told = tomllib.loads(Path("r/run.toml").read_text())
    assert told["optim"]["name"] == "adamw"
    assert told["optim"]["lr"] == 0.01
    assert told["model"] == {"preset": "vit_nano_patch2_8", "options": {"depth": 1}}
    assert told["budget"] == {"minutes": "none", "epochs": "none", "steps": 2}
    assert told["seed"] == 9


def test_a_momentum_of_a_file_is_left_out_where_another_optimiser_was_typed(capsys: pytest.CaptureFixture[str]):
    Path("c.toml").write_text('[optim]\nname = "sgd"\nmomentum = 0.98\nlr = 0.01\n')
    line = f"train digits {PLAIN} --fraction 0.1 --model cct_nano_patch2_8 --steps 1 --config c.toml"
    assert smalti_(f"{line} --set optim.name=adamw --out r") == 0
    assert 'left out: optim.momentum  (of c.toml: its optim.name is "adamw")' in capsys.readouterr().err
    assert tomllib.loads(Path("r/run.toml").read_text())["optim"]["momentum"] == 0.9
    assert smalti_(f"{line} --set optim.name=adamw --set optim.ns_steps=3 --out no") == 2
    assert "optim.ns_steps = 3 means nothing to this run" in capsys.readouterr().err
    assert not Path("no").exists()


@pytest.mark.parametrize("wish", [{"bad_images": "Skip"}, {"leaks": "Drop"}, {"task": "multi-label"}])
def test_a_mistyped_wish_for_the_data_is_refused(wish: dict[str, str]):
    with pytest.raises(InputError, match="did you mean"):
        api.train("digits", steps=1, out="r", show=False, **wish)
    assert not Path("r").exists()


def test_the_speed_of_a_set_smaller_than_a_batch_is_that_of_its_pictures():
    line = f"train digits {QUICK} --steps 2 --fraction 0.02 --out r"
    assert smalti_(line) == 0
    timing = result("r")["timing"]
    assert timing["images_per_second"] * timing["train"] == pytest.approx(2 * 30)


def manifest(answer: Callable[[int, np.ndarray], str], column: str, n: int = 240) -> None:
    """Digits as files, with an answer computed from each."""
    digits = load_digits()
    lines = [f"path,{column}"]
    for i in range(n):
        Image.fromarray((digits.images[i] * 15.9).astype(np.uint8)).save(f"{i}.png")
        lines.append(f"{i}.png,{answer(int(digits.target[i]), digits.images[i])}")
    Path("manifest.csv").write_text("\n".join(lines) + "\n")


def test_several_labels(capsys: pytest.CaptureFixture[str]):
    """Whether a digit is even, whether it is above four; some are neither."""
    manifest(lambda digit, _: "|".join(["even"] * (digit % 2 == 0) + ["high"] * (digit > 4)), "labels")
    assert smalti_(f"train . {LEARNS} --epochs 6 --out r {PLAIN}") == 0
    found = result("r")
    assert found["task"] == "multilabel"
    capsys.readouterr()
    assert smalti_("evaluate r . --json") == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["metrics"] == found["metrics"]
    name, metric = next(iter(found["metrics"].items()))
    assert metric["value"] > 0.9, name
    (answer,) = smalti.load("r").predict("0.png")
    assert set(answer.values or {}) == {"even", "high"}
    assert Path("r/report.html").stat().st_size > 10_000


def test_numbers_come_back_in_the_units_of_the_data(capsys: pytest.CaptureFixture[str]):
    """How much ink there is, far from mean 0 and deviation 1."""
    manifest(lambda _, image: f"{1000 + 10 * image.mean():.4f}", "target")
    assert smalti_(f"train . {LEARNS} --epochs 6 --out r {PLAIN}") == 0
    found = result("r")
    assert found["task"] == "regress"
    assert found["metrics"]["r2"]["value"] > 0.5
    capsys.readouterr()
    assert smalti_("evaluate r . --json") == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == found["metrics"]
    targets = dict(line.split(",") for line in Path("manifest.csv").read_text().splitlines()[1:])
    answers = smalti.load("r").predict(list(targets))
    errors = [abs(next(iter((a.values or {}).values())) - float(targets[a.file])) for a in answers]
    assert np.mean(errors) < np.std([float(value) for value in targets.values()])


@pytest.mark.parametrize("good", [0, 5])
def test_of_a_run_that_diverges_the_best_model_so_far_is_written(good: int, monkeypatch: pytest.MonkeyPatch):
    real = loop.train_step

    def diverging(state: Any, *args: Any) -> Any:
        return real(state, *args) if state.step < good else ({"loss": np.nan}, False)

    line = f"train digits {QUICK} --steps 20 --out r --set loop.evaluations=4"
    monkeypatch.setattr(loop, "train_step", diverging)
    assert smalti_(line) == 4
    assert Path("r/model.safetensors").exists() == bool(good)
    assert not Path("r/result.json").exists()
    if good:
        about = smalti.load("r").provenance
        assert (about["step"], about["diverged"]) == (5, 9)
        assert 0 <= about["metrics"]["accuracy"]["value"] <= 1


def test_a_model_is_written_before_it_is_judged(monkeypatch: pytest.MonkeyPatch):
    """A test picture may have vanished meanwhile."""

    def vanished(*_: Any, **__: Any) -> None:
        raise InputError("cannot be read", where="test/a/1.png")

    monkeypatch.setattr("smalti.recipes.pictures.evaluate_on", vanished)
    assert smalti_(f"train digits {QUICK} --fraction 0.1 --steps 1 --out r") == 2
    assert not Path("r/result.json").exists()
    assert smalti.load("r").provenance["metrics"] == {}
    assert smalti.load("r").provenance["step"] == 1


def test_a_free_name_is_found_for_every_run():
    for number in (1, 2):
        made = api.train(
            "digits",
            model="cct_nano_patch2_8",
            steps=1,
            overrides={"optim.lr": 0.01, "augment.flip": "none"},
            show=False,
            report=False,
        )
        assert made.run == Path(f"runs/digits-{number}")
        assert not (made.run / "report.html").exists()


def test_the_place_of_a_run_is_judged_before_anything_else():
    Path("mine").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        api.train("nowhere", out="mine", show=False)
    assert not Path("runs").exists()


def test_time_is_kept_to_read_the_test_pictures(monkeypatch: pytest.MonkeyPatch):
    kept = []
    monkeypatch.setattr("smalti.recipes.pictures.reading_seconds", lambda *_: 0.5)
    monkeypatch.setattr(Clock, "training", lambda self, judging, reading=0.0: kept.append(judging) or 0.1)
    assert smalti_(f"train digits {QUICK} --minutes 1 --out r") == 0
    assert 0.5 * result("r")["n"] < kept[-1] < 0.6 * result("r")["n"]
    told = tomllib.loads(Path("r/run.toml").read_text())
    few = told["run"]["fraction"]
    assert few == pytest.approx(100 / 1438), "half of the clock is for few, and some are read anyway"
    assert read_model("r/model.safetensors").provenance["fraction"] == few
    assert "at 500 ms a picture" in next(choice["reason"] for choice in told["choices"] if choice["name"] == "read")
    assert smalti_("train --resume r --device cpu") == 0, "the same part of the pictures"
    assert tomllib.loads(Path("r/run.toml").read_text()) == told
    assert read_model("r/model.safetensors").provenance["fraction"] == few
    assert told["fraction"] == 1, "what is wished"
    for share in (1.0, 0.5):
        Path("edited.toml").write_text(Path("r/run.toml").read_text().replace("fraction = 1.0", f"fraction = {share}"))
        line = f"train digits --config edited.toml --epochs 1 --set loop.batch_size=1438 --out again-{share}"
        assert smalti_(line) == 0
        again = tomllib.loads(Path(f"again-{share}/run.toml").read_text())
        assert (again["fraction"], again["run"]["fraction"]) == (share, "none"), "no clock"


def test_the_choices_are_told_before_a_range_test(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def stop(*_: Any, **__: Any) -> None:
        raise InputError("stop here")

    monkeypatch.setattr("smalti.recipes.pictures.find_rate", stop)
    assert smalti_(f"train digits --model vit_nano_patch2_8 {PLAIN} --steps 1 --out r") == 2
    assert "you named it" in capsys.readouterr().err.split("stop here")[0]


def test_grey_levels_of_other_data_are_not_taken_from_its_run(capsys: pytest.CaptureFixture[str]):
    """16-bit pictures whose white is 4095, by settings of others whose white is 255; size and fit are wishes."""
    levels = np.random.default_rng(0).integers(0, 4096, (20, 8, 8), dtype=np.uint16)
    np.savez("twelve.npz", images=levels, labels=np.arange(20) % 2)
    facts = "white = 255.0\nmean = [0.1]\nstd = [0.2]\nin_chans = 1\n"
    for name, head in (("run", '[run]\nfingerprint = "of others"\n'), ("own", "")):
        Path(f"{name}.toml").write_text(f'{head}[preprocess]\nfit = "pad"\n{facts}')
    rules = {}
    for out, config in (
        ("a", "--config run.toml"),
        ("b", "--config run.toml --set preprocess.white=9"),
        ("c", "--config own.toml"),
    ):
        assert smalti_(f"train twelve.npz {QUICK} --steps 1 --out {out} {config}") == 0
        rules[out] = tomllib.loads(Path(out, "run.toml").read_text())["preprocess"]
    assert [rules[out]["white"] for out in "abc"] == [4095, 9, 255]
    assert [rules[out]["mean"] == [0.1] for out in "abc"] == [False, False, True]
    assert {rule["fit"] for rule in rules.values()} == {"pad"}
    assert "white, mean, std, in_chans: as this data has it  (run.toml is of other data)" in capsys.readouterr().err


def test_a_picture_is_read_once_for_all_that_is_done_with_it(here: Path, monkeypatch: pytest.MonkeyPatch):
    """Those that are cropped are kept larger; those that choose are not; the range test reads none for itself."""
    rng = np.random.default_rng(0)
    for name in ("train", "val", "test"):
        for label in "ab":
            (here / "d" / name / label).mkdir(parents=True)
            for i in range(20):
                pixels = rng.integers(0, 256, (80, 80, 3), np.uint8)
                Image.fromarray(pixels).save(here / "d" / name / label / f"{i}.png")
    real, read = Pictures._fill, []

    def fill(self: Pictures, indices: np.ndarray) -> int:
        read.extend((self.size, int(i)) for i in indices)
        return real(self, indices)

    monkeypatch.setattr(Pictures, "_fill", fill)
    line = "train d --model cct_nano_patch4_32 --device cpu --steps 20 --out r --set optim.name=adam"
    small = "--set model.options.depth=2 --set loop.batch_size=8 --set loop.evaluations=1"
    assert smalti_(f"{line} {small} --set views.mirror=false") == 0
    for size, n in (((40, 40), 40), ((32, 32), 40 + 40)):  # to learn from; to choose by and to judge
        assert len([i for at, i in read if at == size]) == n
    assert len(read) == 40 + 80 + 40  # and the mirror test, at its own size
