"""A run on pictures that was cut short goes on as if it had not been."""

import json
import os
import shutil
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.picture_runs import PLAIN, QUICK, SMALL, result, same_weights, smalti_, tensors

import smalti
from smalti import data
from smalti.data.check import check
from smalti.data.split import split
from smalti.errors import InputError
from smalti.train import loop

pytestmark = pytest.mark.usefixtures("here")

NOISY = (
    f"train digits {SMALL} --epochs 3 --fraction 0.1 --seed 5 {PLAIN} --set loop.batch_size=28 "
    "--set loop.evaluations=5 --set loop.ema_decay=0.9 --set model.options.drop_rate=0.1 --set mix.mixup=0.2 "
    "--set augment.erase=0.3"
)


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


def test_a_finished_run_is_judged_again_and_stays_the_same():
    assert smalti_(f"train digits {QUICK} --steps 3 --out r") == 0
    before, metrics = tensors("r"), result("r")["metrics"]
    assert smalti_("train --resume r") == 0
    assert all(torch.equal(before[key], value) for key, value in tensors("r").items())
    assert result("r")["metrics"] == metrics
