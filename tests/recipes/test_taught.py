"""A run that trains its own teacher first: two phases, one budget, one run to stop and to go on with."""

import json
import os
import shlex
import shutil
import signal
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import smalti
from smalti.cli import run
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.recipes import pictures as running
from smalti.recipes import teacher
from smalti.train import loop
from smalti.train.budget import Budget

TRAIN = (
    "train digits --model cct_nano_patch2_8 --teacher auto --steps 10 --seed 5 --device cpu --set optim.lr=0.01 "
    "--set loop.batch_size=24 --set model.options.drop_rate=0.1 --set teacher.kind=soft --fraction 0.1 "
    "--set model.options.depth=2 --set loop.evaluations=4 --set augment.flip=none --set views.shift=0"
)  # 3 steps of the teacher, 7 of the student: an epoch has 5


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run(shlex.split(f"{TRAIN} --out {folder}")) == 0
    return folder


def same(one, other, name="model.safetensors"):
    a, b = load_file(Path(one, name)), load_file(Path(other, name))
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def cut_after(steps, line, monkeypatch):
    """The exit code of a command that is told to stop in its training step `steps`, counted over both phases."""
    real, done = loop.train_step, []

    def cut(*args):
        done.append(args)
        if len(done) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", cut)
        return run(shlex.split(line))


@pytest.mark.parametrize("cuts", [(1,), (2, 3), (4,), (3, 2, 4)])
def test_cut_in_either_phase_it_goes_on_to_the_same_bits(cuts, whole, monkeypatch, capsys):
    """In the teacher's first step; in its second and the student's second; in the student's first; in the teacher's
    last and twice in the student's.
    """
    line = f"{TRAIN} --out cut"
    for steps in cuts:
        assert cut_after(steps, line, monkeypatch) == 75
        line = "train --resume cut"
        assert "smalti train --resume cut\n" in capsys.readouterr().err
    assert run(["train", "--resume", "cut"]) == 0
    for name in ("model.safetensors", "teacher/model.safetensors", "checkpoints/last.safetensors"):
        assert same(whole, "cut", name), name
    for name in ("metrics.jsonl", "teacher/metrics.jsonl"):
        assert Path(whole, name).read_bytes() == Path("cut", name).read_bytes()


def test_a_run_cut_while_its_teacher_learns_is_not_overwritten(monkeypatch, capsys):
    assert cut_after(2, f"{TRAIN} --out cut", monkeypatch) == 75
    assert "the teacher stopped at step 2" in capsys.readouterr().err
    assert run(shlex.split(f"{TRAIN} --out cut")) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_both_share_budget_recipe_and_split_and_the_report_names_the_teacher(whole):
    taught_by, student = (smalti.load(folder).provenance for folder in (whole / "teacher", whole))
    assert (taught_by["preset"], taught_by["budget"]) == ("cnn_small_32", "3 steps")
    assert student["budget"] == "10 steps"
    steps = [
        json.loads(Path(folder, "metrics.jsonl").read_text().splitlines()[-1])["step"]
        for folder in (whole / "teacher", whole)
    ]
    assert steps == [3, 7]
    assert smalti.load(whole).preprocess == smalti.load(whole / "teacher").preprocess
    page = (whole / "report.html").read_text()
    assert "cnn_small_32" in page
    rows = [json.loads(line) for line in (whole / "teacher/metrics.jsonl").read_text().splitlines()]
    (right,) = [row["val_accuracy"] for row in rows if row["step"] == taught_by["step"]]
    assert f"{right:.1%}" in page
    assert tomllib.loads((whole / "run.toml").read_text())["teacher"]["model"] == "auto"


def test_large_pictures_are_scaled_down_for_the_teacher(monkeypatch, capsys):
    """Its weights grow with their area; the student sees them as large as ever."""
    monkeypatch.setattr(teacher, "SMALL", 4)
    assert run(shlex.split(f"{TRAIN} --out r")) == 0
    assert "it sees 4 x 4" in capsys.readouterr().err
    assert [smalti.load(folder).preprocess.img_size for folder in ("r", "r/teacher")] == [(8, 8), (4, 4)]


@pytest.mark.parametrize(
    ("size", "seen"),
    [((32, 32), (32, 32)), ((224, 224), (64, 64)), ((96, 192), (32, 64)), ((2000, 20), (64, 4)), ((8, 64), (8, 64))],
)
def test_a_teacher_that_is_trained_first_sees_pictures_in_their_shape(size, seen):
    assert teacher.small(Preprocess(size, 1, (0.5,), (0.2,))).img_size == seen


def test_a_finished_run_is_judged_again_without_its_teacher(whole, capsys):
    shutil.copytree(whole, "done")
    shutil.rmtree("done/teacher")
    capsys.readouterr()
    assert run(["train", "--resume", "done", "--json"]) == 0
    told, before = json.loads(capsys.readouterr().out), json.loads(Path(whole, "result.json").read_text())
    assert told["metrics"] == before["metrics"]
    assert not Path("done/teacher").exists()


def test_test_pictures_are_touched_once_and_by_the_student(monkeypatch):
    judged, real = [], running.evaluate_on

    def evaluate_on(ready, source, indices, **options):
        judged.append((ready.module, indices))
        return real(ready, source, indices, **options)

    monkeypatch.setattr(running, "evaluate_on", evaluate_on)
    assert run(shlex.split(f"{TRAIN} --out r")) == 0
    assert len(judged) == 1
    told = json.loads(Path("r/teacher/result.json").read_text())
    assert (told["n"], told["metrics"]) == (0, {})
    assert not smalti.load("r/teacher").provenance["metrics"]


def test_run_toml_repeats_both(whole):
    assert run(["train", "digits", "--config", str(whole / "run.toml"), "--device", "cpu", "--out", "again"]) == 0
    assert same(whole, "again")
    assert same(whole, "again", "teacher/model.safetensors")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"steps": 1}, "cannot be shared"),
        ({"steps": 9, "overrides": {"teacher.budget_share": 1.0}}, "between 0 and 1"),
        ({"steps": 9, "seed": 5, "start": "whole", "overrides": {"transfer.tune": "head"}}, "hears no teacher"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_written(options, told, whole):
    if "start" in options:
        options = {**options, "start": whole}
    with pytest.raises(InputError, match=told):
        smalti.train("digits", teacher="auto", out="r", show=False, **options)
    assert not Path("r").exists()


@pytest.mark.parametrize(
    ("budget", "share", "parts"),
    [
        (Budget(minutes=10), 0.3, (Budget(minutes=3), Budget(minutes=7))),
        (Budget(epochs=5), 0.3, (Budget(epochs=2), Budget(epochs=3))),
        (Budget(steps=101), 0.5, (Budget(steps=50), Budget(steps=51))),
    ],
)
def test_a_budget_is_divided(budget, share, parts):
    assert budget.divided(share) == parts


@pytest.mark.parametrize(
    ("budget", "share"), [(Budget(epochs=1), 0.3), (Budget(steps=3), 0.1), (Budget(epochs=2), 0.9)]
)
def test_a_budget_with_nothing_for_one_is_not(budget, share):
    with pytest.raises(InputError, match="cannot be shared"):
        budget.divided(share)
