"""Whole runs on small real data, through the command line: what a run folder holds, and that a run can be repeated."""

import json
import os
import shlex
import shutil
import signal
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits

import smalti
from smalti import api, data
from smalti.cli import run
from smalti.data.check import check
from smalti.data.pictures import Pictures
from smalti.data.split import split
from smalti.errors import InputError
from smalti.modelfile import read_model
from smalti.train import loop

SMALL = "--model cct_nano_patch2_8 --set model.options.depth=1 --set optim.lr=0.02"
PLAIN = "--device cpu --set loop.batch_size=32 --set augment.flip=none --set views.shift=0"  # the rest takes time
QUICK = f"{SMALL} {PLAIN}"
LEARNS = "--model cct_nano_patch2_8 --set model.options.depth=2 --set optim.lr=0.04"
NOISY = (
    f"train digits {SMALL} --epochs 3 --fraction 0.1 --seed 5 {PLAIN} --set loop.batch_size=28 "
    "--set loop.evaluations=5 --set loop.ema_decay=0.9 --set model.options.drop_rate=0.1 --set mix.mixup=0.2 "
    "--set augment.erase=0.3"
)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMALTI_CACHE", str(cache))
    return tmp_path


def smalti_(line: str) -> int:
    return run(shlex.split(line))


def tensors(folder: str, name: str = "model.safetensors") -> dict[str, torch.Tensor]:
    return load_file(Path(folder, name))


def same_weights(one: str, other: str, name: str = "model.safetensors") -> bool:
    a, b = tensors(one, name), tensors(other, name)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def rows(folder: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text().splitlines()]


def result(folder: str) -> dict[str, Any]:
    return json.loads(Path(folder, "result.json").read_text())


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run nobody interrupted: three epochs of five steps; with a running mean, dropout, erasing and mixing."""
    folder = str(tmp_path_factory.mktemp("whole") / "run")
    assert smalti_(f"{NOISY} --out {folder}") == 0
    return folder


def cut_at(step: int, line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command that is told to stop in its training step `step`, counted from 1."""
    real = loop.train_step

    def cut(state: Any, *args: Any) -> Any:
        if state.step == step - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return real(state, *args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", cut)
        return smalti_(line)


@pytest.mark.parametrize("step", [1, 5, 8, 14])
def test_a_run_cut_at_any_step_equals_the_unbroken_one(step: int, whole: str, monkeypatch: pytest.MonkeyPatch):
    """At the first step, at the end of an epoch, in its middle, before the last step."""
    assert cut_at(step, f"{NOISY} --out cut", monkeypatch) == 75
    assert not Path("cut/model.safetensors").exists()
    assert smalti_("train --resume cut") == 0
    for name in ("model.safetensors", "checkpoints/last.safetensors", "checkpoints/best.safetensors"):
        assert same_weights(whole, "cut", name), name
    assert Path(whole, "metrics.jsonl").read_bytes() == Path("cut/metrics.jsonl").read_bytes()
    assert result(whole)["metrics"] == result("cut")["metrics"]
    assert result(whole)["best_step"] == result("cut")["best_step"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("place", ["smalti.recipes.pictures.new_state", "smalti.recipes.pictures.evaluate_on"])
def test_a_run_stopped_outside_its_steps_says_how_to_go_on(
    place: str, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Before the first of them, and while the test pictures are judged."""
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(place, lambda *_, **__: os.kill(os.getpid(), number))
        assert smalti_(f"train digits {QUICK} --fraction 0.1 --steps 1 --out cut") == 75
    assert capsys.readouterr().err.endswith(
        "stopped: cut: stopped; what was saved is safe; smalti train --resume cut\n"
    )
    assert signal.getsignal(number) is before
    assert smalti_("train --resume cut") == 0
    assert result("cut")["steps"] == 1


def test_a_network_with_running_statistics_resumes_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    train = (
        f"train digits --model resnet18_32 --steps 4 {PLAIN} --set preprocess.img_size=8 "
        "--set model.options.stem=large --set optim.lr=0.001 --set loop.batch_size=8 --set loop.evaluations=2"
    )
    assert smalti_(f"{train} --out whole") == 0
    assert cut_at(3, f"{train} --out cut", monkeypatch) == 75
    assert smalti_("train --resume cut") == 0
    assert same_weights("whole", "cut")
    assert tensors("cut")["bn1.running_var"].std() > 0
    capsys.readouterr()
    assert smalti_("evaluate cut digits --json") == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == result("whole")["metrics"]


def test_a_run_whose_data_changed_is_not_resumed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("smalti.recipes.pictures.carry_out", lambda run: run)  # as if it were killed
    for i in range(8):
        Image.new("L", (8, 8), 9 * i).save(f"{i}.png")
    manifest, lines = Path("manifest.csv"), [f"{i}.png,{'ab'[i % 2]}\n" for i in range(8)]
    manifest.write_text("path,label\n" + "".join(lines))
    smalti.train(manifest, model="cct_nano_patch2_8", steps=1, device="cpu", out="r", show=False)
    for picture in Path().glob("*.png"):
        os.utime(picture, (1, 1))  # as a synchronised folder has it
    smalti.resume("r", show=False)
    manifest.write_text("path,label\n" + "".join(lines).replace("0.png,a", "0.png,b"))
    with pytest.raises(InputError, match="the data has changed"):
        smalti.resume("r", show=False)
    manifest.write_text("path,label\n" + "".join(lines))
    Image.new("L", (8, 8), 200).save("0.png")
    with pytest.raises(InputError, match="the data has changed"):
        smalti.resume("r", show=False)


def test_a_run_whose_data_has_moved_goes_on_there(monkeypatch: pytest.MonkeyPatch):
    for i in range(20):
        Path(f"here/{'ab'[i % 2]}").mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9 * i).save(f"here/{'ab'[i % 2]}/{i}.png")
    train = f"train here {QUICK} --steps 4"
    assert smalti_(f"{train} --out whole") == 0
    assert cut_at(2, f"{train} --out cut", monkeypatch) == 75
    Path("here").rename("there")
    assert smalti_("train --resume cut") == 2
    assert smalti_("train there --resume cut") == 0
    assert same_weights("whole", "cut")
    assert tomllib.loads(Path("cut/run.toml").read_text())["run"]["data"] == os.path.abspath("there")
    Path("other/a").mkdir(parents=True)
    shutil.copytree("there/b", "other/b")
    Image.new("L", (8, 8), 1).save("other/a/1.png")
    with pytest.raises(InputError, match="the data has changed"):
        smalti.resume("cut", "other", show=False)
    assert tomllib.loads(Path("cut/run.toml").read_text())["run"]["data"] == os.path.abspath("there")


def test_a_run_goes_on_on_another_device(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """As one of a GPU does where there is none; the message says how."""
    assert cut_at(2, f"train digits {QUICK} --fraction 0.1 --steps 3 --out r", monkeypatch) == 75
    settings = Path("r/run.toml")
    settings.write_text(settings.read_text().replace('device = "cpu"', 'device = "cuda:99"'))
    capsys.readouterr()
    assert smalti_("train --resume r") == 2
    assert "use --device cpu" in capsys.readouterr().err
    assert smalti_("train --resume r --device cpu") == 0
    assert tomllib.loads(settings.read_text())["run"]["device"] == "cpu"
    assert result("r")["steps"] == 3
    monkeypatch.setattr("smalti.recipes.pictures.find_device", torch.device)
    with pytest.raises(InputError, match="no training on pictures with mps"):
        smalti.resume("r", device="mps", show=False)


def test_drawn_evenly_with_another_loss_a_run_is_written_down_and_resumes(monkeypatch: pytest.MonkeyPatch):
    train = (
        f"train digits {QUICK} --steps 6 --set target.sampling=balanced --set loop.evaluations=2 "
        "--set target.loss=focal --set target.gamma=1"
    )
    assert smalti_(f"{train} --out whole") == 0
    told = tomllib.loads(Path("whole/run.toml").read_text())
    assert told["target"] == {
        "smoothing": 0.0,
        "class_weights": "none",
        "loss": "focal",
        "gamma": 1.0,
        "sampling": "balanced",
    }
    assert cut_at(4, f"{train} --out cut", monkeypatch) == 75
    assert smalti_("train --resume cut") == 0
    assert same_weights("whole", "cut")


def test_a_fraction_is_told_written_down_and_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    train = f"train digits {QUICK} --steps 6 --fraction 0.1 --set loop.batch_size=16"
    assert smalti_(f"{train} --out whole") == 0
    said = capsys.readouterr().err
    assert "0.1 of train was asked for: 143 of 1,438" in said
    assert "143 training pictures" in said, "the rule sees the fraction"
    told = tomllib.loads(Path("whole/run.toml").read_text())
    assert told["fraction"] == 0.1
    assert "0.1 of train" in next(choice["reason"] for choice in told["choices"] if choice["name"] == "split")
    assert "0.1 of train" in Path("whole/report.html").read_text()
    assert cut_at(4, f"{train} --out cut", monkeypatch) == 75
    assert smalti_("train --resume cut") == 0
    assert smalti_("train digits --config whole/run.toml --device cpu --out again") == 0
    assert same_weights("whole", "cut")
    assert same_weights("whole", "again")
    source = data.open("digits")
    assert result("whole")["n"] == len(split(source, check(source).facts).test)
    capsys.readouterr()
    assert smalti_("evaluate whole digits --split train --json") == 0
    assert json.loads(capsys.readouterr().out)["n"] == 143


def test_the_speed_of_a_set_smaller_than_a_batch_is_that_of_its_pictures():
    line = f"train digits {QUICK} --steps 2 --fraction 0.02 --out r"
    assert smalti_(line) == 0
    timing = result("r")["timing"]
    assert timing["images_per_second"] * timing["train"] == pytest.approx(2 * 30)


def test_a_finished_run_is_judged_again_and_stays_the_same():
    assert smalti_(f"train digits {QUICK} --steps 3 --out r") == 0
    before, metrics = tensors("r"), result("r")["metrics"]
    assert smalti_("train --resume r") == 0
    assert all(torch.equal(before[key], value) for key, value in tensors("r").items())
    assert result("r")["metrics"] == metrics


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


def test_time_is_kept_to_read_the_test_pictures(monkeypatch: pytest.MonkeyPatch):
    kept = []
    monkeypatch.setattr("smalti.recipes.pictures.reading_seconds", lambda *_: 0.5)
    monkeypatch.setattr("smalti.recipes.pictures.training_seconds", lambda left, testing: kept.append(testing) or 0.1)
    assert smalti_(f"train digits {QUICK} --minutes 1 --out r") == 0
    assert 0.5 * result("r")["n"] < kept[0] < 0.6 * result("r")["n"]
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
    small = "--set model.options.depth=1 --set loop.batch_size=8 --set loop.evaluations=1"
    assert smalti_(f"{line} {small} --set views.mirror=false") == 0
    for size, n in (((40, 40), 40), ((32, 32), 40 + 40)):  # to learn from; to choose by and to judge
        assert len([i for at, i in read if at == size]) == n
    assert len(read) == 40 + 80 + 40  # and the mirror test, at its own size


@pytest.mark.parametrize(("left", "testing", "expected"), [(300, 10, 280), (300, 1000, 146), (5, 1, 1.0)])
def test_a_slow_moment_at_the_start_does_not_take_the_time_to_train(left, testing, expected):
    from smalti.recipes.training import training_seconds

    assert training_seconds(left, testing) == pytest.approx(expected)
