"""A run that learns from another model's answers."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

import smalti
from smalti.cli import run
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.modelfile import ModelFile, read_model, write_model
from smalti.recipes.asked import ask
from smalti.recipes.teacher import TeacherConfig, load_teacher, seen_by

PLAIN = {"augment.flip": "none", "loop.evaluations": 1, "views.shift": 0}  # spares work that is not asked about
SMALL = {**PLAIN, "model.options.depth": 2, "optim.lr": 0.04}  # a model that learns in few steps


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    about = {"model": "cct_nano_patch2_8", "steps": 30, "overrides": SMALL, "report": False, "show": False}
    return smalti.train("digits", out=folder / "run", **about).model


@pytest.mark.parametrize(("wish", "kept"), [("runs/mine", os.path.abspath("runs/mine")), ("auto", "auto"), ("", "")])
def test_a_teacher_is_kept_by_its_whole_path_however_it_is_named(wish, kept):
    for overrides, named in (({"teacher.model": wish}, None), ({}, wish)):
        assert ask({}, overrides, teacher=named).settings["teacher"]["model"] == kept


def test_a_student_comes_to_agree_with_its_teacher(teacher, tmp_path, capsys):
    out = tmp_path / "run"
    words = f"train digits --steps 25 --model cct_nano_patch2_8 --teacher {teacher.parent} --out {out}"
    assert run([*words.split(), *(f"--set={name}={value}" for name, value in SMALL.items())]) == 0
    assert "its probabilities are matched" in capsys.readouterr().err
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    agreement = [row["teacher"] for row in rows if "teacher" in row]
    assert np.mean(agreement[-5:]) > np.mean(agreement[:5]) + 0.3
    assert f'model = "{teacher.parent}"' in (out / "run.toml").read_text()


def test_a_distilled_deit_learns_and_resumes_to_the_same_bits(teacher, tmp_path):
    options = {
        "model": "deit_tiny_distilled_patch16_224",
        "teacher": teacher,
        "overrides": {
            **PLAIN,
            "loop.batch_size": 16,
            "preprocess.img_size": 8,
            "model.options": {"patch_size": 2, "embed_dim": 24, "depth": 2, "num_heads": 3},
            "optim.lr": 0.002,
            "teacher.kind": "soft",
        },
        "report": False,
        "show": False,
    }
    whole, again = (smalti.train("digits", steps=6, out=tmp_path / name, **options) for name in ("a", "b"))
    a, b = (read_model(result.model).module.state_dict() for result in (whole, again))
    assert all(torch.equal(a[name], b[name]) for name in a)
    (tmp_path / "a" / "model.safetensors").unlink()
    resumed = read_model(smalti.resume(tmp_path / "a", show=False).model).module.state_dict()
    assert all(torch.equal(a[name], resumed[name]) for name in a)


def test_the_teacher_answers_in_the_students_order_of_labels(teacher):
    rule = read_model(teacher).processor
    images = torch.randn(4, 1, 8, 8)
    labels = tuple(str(number) for number in range(10))
    straight = load_teacher(TeacherConfig(str(teacher)), rule, labels, torch.device("cpu"))
    turned = load_teacher(TeacherConfig(str(teacher)), rule, labels[::-1], torch.device("cpu"))
    with torch.no_grad():
        torch.testing.assert_close(straight(images), turned(images).flip(1))


def test_the_teacher_sees_the_same_picture_in_its_own_way(teacher):
    ready = smalti.load(teacher)
    ramp = torch.linspace(0, 1, 8)
    grey = ((ramp[:, None] + ramp) / 2).expand(3, 1, 8, 8)
    own = ready.preprocess.normalize((grey * 255).round().to(torch.uint8))
    other = Preprocess((16, 16), 3, (0.3, 0.4, 0.5), (0.2, 0.3, 0.1))
    large = torch.nn.functional.interpolate(grey, (16, 16), mode="bilinear").expand(-1, 3, -1, -1)
    found = seen_by(ready, other, other.normalize((large * 255).round().to(torch.uint8)))
    assert found.shape == own.shape
    assert (found - own)[..., 1:-1, 1:-1].abs().max() < 0.05  # up and down again: a ramp stays one
    assert seen_by(ready, ready.preprocess, own) is own


def test_a_grey_teacher_sees_colours_as_its_own_pictures_were_made(teacher):
    ready = smalti.load(teacher)
    assert ready.preprocess.in_chans == 1
    colours = torch.randint(0, 256, (1, 3, 1, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    picture = colours.expand(-1, -1, 8, 8)
    grey = torch.from_numpy(np.array(Image.fromarray(picture[0].permute(1, 2, 0).numpy()).convert("L")))
    other = Preprocess((8, 8), 3, (0.3, 0.4, 0.5), (0.2, 0.3, 0.1))
    found = seen_by(ready, other, other.normalize(picture))
    torch.testing.assert_close(found, ready.preprocess.normalize(grey[None, None]), atol=0.01, rtol=0)


def test_a_teacher_of_other_channels_is_refused(teacher, tmp_path):
    module = smalti.create_model("cnn_small_8", num_classes=2, in_chans=4).eval()
    file = ModelFile("cnn", module, "classify", ("a", "b"), Preprocess((8, 8), 4, (0.5,) * 4, (0.5,) * 4))
    write_model(tmp_path / "m", file)
    colour = Preprocess((8, 8), 3, (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(InputError, match="the teacher sees 4 channels, the pictures have 3"):
        load_teacher(TeacherConfig(str(tmp_path / "m")), colour, ("a", "b"), torch.device("cpu"))


def test_a_run_goes_on_with_the_teacher_it_began_with_and_a_finished_one_without(teacher, tmp_path, monkeypatch):
    (tmp_path / "teacher.safetensors").write_bytes(teacher.read_bytes())
    options = {
        "model": "cnn_small_8",
        "steps": 2,
        "overrides": {**PLAIN, "optim.lr": 0.01},
        "report": False,
        "show": False,
    }
    done = smalti.train("digits", teacher=tmp_path / "teacher.safetensors", out=tmp_path / "run", **options)
    file = read_model(teacher)
    file.provenance["seed"] = "another"
    write_model(tmp_path / "teacher.safetensors", file)
    assert smalti.resume(tmp_path / "run", show=False).metrics == done.metrics
    (tmp_path / "run" / "result.json").unlink()  # killed while it was judged
    with pytest.raises(InputError, match="the teacher has changed since the run began"):
        smalti.resume(tmp_path / "run", show=False)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"teacher": "nowhere"}, "does not exist"),
        ({"overrides": {"teacher.share": 0.0}}, "above 0"),
        ({"overrides": {"teacher.kind": "stern"}}, "one of"),
    ],
)
def test_what_cannot_teach_is_told_before_anything_is_written(options, told, teacher, tmp_path):
    with pytest.raises(InputError, match=told):
        smalti.train(
            "digits", steps=2, out=tmp_path / "run", report=False, show=False, **{"teacher": teacher, **options}
        )
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_other_labels_is_refused(teacher, tmp_path):
    rng = np.random.default_rng(0)
    rows = ["path,label"]
    from PIL import Image

    for i in range(30):
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{'cat' if i % 2 else '7'}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    with pytest.raises(InputError, match="the teacher does not know cat"):
        smalti.train(tmp_path / "table.csv", steps=2, out=tmp_path / "run", teacher=teacher, report=False, show=False)
