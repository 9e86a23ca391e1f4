"""The last layer alone: which pictures it is fitted to in the time there is, and which settings it heeds."""

import math
import time
import tomllib
from dataclasses import fields, is_dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.recipes.test_choose import given

import smalti
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.evaluate.probe import fit_linear
from smalti.modelfile import ModelFile, write_model
from smalti.recipes import head
from smalti.recipes.pictures import carry_out
from smalti.recipes.settings import read_settings
from smalti.recipes.unread import unread
from smalti.train.folder import RunFolder
from smalti.train.optim import OptimConfig

HEAD = {"transfer.tune": "head", "augment.flip": "none", "views.shift": 0}
QUIET = {"report": False, "show": False, "device": "cpu"}


@pytest.fixture
def start(tmp_path):
    """A model of grey pictures of 8 pixels that knows nothing."""
    module = smalti.create_model("vit_nano_patch2_8", num_classes=2, in_chans=1).eval()
    rule = Preprocess((8, 8), 1, (0.5,), (0.5,))
    write_model(
        tmp_path / "m.safetensors",
        ModelFile("vit", module, "classify", ("a", "b"), rule, provenance={"preset": "vit_nano_patch2_8"}),
    )
    return tmp_path / "m.safetensors"


@pytest.fixture
def fits(monkeypatch):
    """What the linear layer was fitted to, and how."""
    seen = []

    def spy(task, train, val, **more):
        seen.append(SimpleNamespace(train=train[1], val=val[1], **more))
        return fit_linear(task, train, val, **more)

    monkeypatch.setattr(head, "fit_linear", spy)
    return seen


@pytest.fixture
def uneven(tmp_path):
    """A class of 100 pictures, one of 20, one of 10."""
    images = np.random.default_rng(0).integers(0, 256, (130, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "uneven.npz", images=images, labels=np.repeat([0, 1, 2], [100, 20, 10]))
    return tmp_path / "uneven.npz"


def test_what_time_is_left_for_is_shared_and_holds_every_class(capsys):
    """A class of five pictures is one in 700; validation pictures count twice, and are not spared either."""
    targets = np.append(np.arange(3495) % 2, np.full(5, 2))
    circumstances = given(size=(8, 8), n=3500, channels=1, targets=targets)
    whole, source = circumstances.split, circumstances.source
    recipe = SimpleNamespace(seed=0, fraction=1.0)
    run: Any = SimpleNamespace(split=whole, source=source, check=circumstances.check, recipe=recipe, show=True)
    assert head.affordable(run, 1e9) is whole
    for pictures in (1000.0, -500.0):
        part = head.affordable(run, pictures)
        assert len(part.train) + 2 * len(part.val) <= max(pictures, 3 * head.FEWEST) + 6  # a class to the nearest unit
        assert set(source.targets[part.train]) == {0, 1, 2}
        assert np.isin(part.train, whole.train).all()
        assert np.isin(part.val, whole.val).all()
        assert np.array_equal(part.test, whole.test)
    assert "pictures looked at" in capsys.readouterr().err


def test_the_clock_cuts_what_is_fitted_and_what_judges(start, fits, tmp_path, monkeypatch):
    monkeypatch.setattr(head, "fastest", lambda *_: 1.0)  # 32 pictures a second
    judged = []
    judge = head.judge
    monkeypatch.setattr(
        head, "judge", lambda state, by, *more: judged.append(len(by.batches.indices)) or judge(state, by, *more)
    )
    smalti.train("digits", minutes=0.3, start=start, out=tmp_path / "run", overrides=HEAD, **QUIET)
    assert head.FEWEST - 10 <= len(fits[0].train) < 500
    assert len(np.unique(fits[0].train)) == 10
    assert judged == [len(fits[0].val)]
    assert judged[0] < 130  # of 180


def test_the_fit_ends_with_the_clock(start, fits, tmp_path, monkeypatch, capsys):
    """Also where features took all of it."""
    monkeypatch.setattr(head, "fastest", lambda *_: 100.0)  # for 32 pictures: the judgement alone takes longer
    smalti.train("digits", minutes=0.3, start=start, out=tmp_path / "run", overrides=HEAD, **{**QUIET, "show": True})
    assert fits[0].deadline < time.monotonic()
    assert "C = 0.1  (the best of 1 of 8, from the middle on" in capsys.readouterr().err


def test_it_reads_what_it_looks_at_alone(start, fits, tmp_path, monkeypatch):
    """Where reading is slow, few are looked at, and no others are read."""
    read, real = [], head.read_pictures
    monkeypatch.setattr(head, "reading_seconds", lambda *_: 0.1)
    monkeypatch.setattr(head, "read_pictures", lambda pictures, parts: read.append(parts) or real(pictures, parts))
    smalti.train("digits", minutes=0.3, start=start, out=tmp_path / "run", overrides=HEAD, **QUIET)
    (parts,) = read
    assert len(parts.train) == len(fits[0].train) <= 110


def test_one_class_alone_is_refused_in_one_line(start, uneven, tmp_path, monkeypatch):
    def one(run, pictures):
        train = run.split.train
        return replace(run.split, train=train[run.source.targets[train] == 1])

    monkeypatch.setattr(head, "affordable", one)
    with pytest.raises(InputError, match=r'all of one class; .* set transfer.tune to "all"'):
        smalti.train(uneven, minutes=0.3, start=start, out=tmp_path / "run", overrides=HEAD, **QUIET)


def test_class_weights_are_heeded_and_nothing_else_is_told(start, uneven, fits, tmp_path):
    for name, more in {"auto": {}, "none": {"target.class_weights": "none"}}.items():
        smalti.train(uneven, steps=1, start=start, out=tmp_path / name, overrides={**HEAD, **more}, **QUIET)
    weighed, plain = fits
    assert plain.weights is None
    assert plain.deadline == math.inf
    assert weighed.weights[0] < 1 < weighed.weights[1] < weighed.weights[2]
    told = tomllib.loads((tmp_path / "auto" / "run.toml").read_text())
    reasons = {choice["name"]: choice["reason"] for choice in told["choices"]}
    assert "class weights" in reasons
    assert reasons["what learns"] == "you named it; it sees each picture once, whatever the budget"
    assert not reasons.keys() & {"loss", "sampling", "optimiser", "learning rate"}
    assert OptimConfig(**{**told["optim"], "betas": tuple(told["optim"]["betas"])}) == OptimConfig()
    again = {"config": tmp_path / "auto" / "run.toml", "out": tmp_path / "again"}
    smalti.train(uneven, **again, **QUIET)  # names every setting, none of them in vain
    assert fits[2].weights == weighed.weights
    told = tomllib.loads((tmp_path / "again" / "run.toml").read_text())
    assert "left out" not in {choice["name"] for choice in told["choices"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optim.lr", 0.5),
        ("optim.grad_clip", "none"),
        ("target.loss", "focal"),
        ("target.sampling", "balanced"),
        ("target.smoothing", 0.2),
        ("augment.rotate", 10.0),
        ("mix.mixup", 0.2),
        ("loop.batch_size", 16),
        ("loop.ema_decay", 0.9),
    ],
)
def test_what_a_fit_does_not_heed_is_refused(name, value, start, uneven, tmp_path):
    with pytest.raises(InputError, match=f'{name} = .* last layer alone; leave it out, or set transfer.tune to "all"'):
        smalti.train(uneven, steps=1, start=start, out=tmp_path / "run", overrides={**HEAD, name: value}, **QUIET)
    assert not (tmp_path / "run").exists()


def test_every_setting_is_read_or_known_to_be_left_out(start, uneven, tmp_path, monkeypatch):
    """On the way from the written recipe to the model file; and what the fit itself reads is not left out."""
    read, by_fit = set(), set()

    def watched(work, seen):
        return lambda run, *more: work(replace(run, recipe=noting(run.recipe, seen)), *more)

    monkeypatch.setattr("smalti.recipes.pictures.carry_out", watched(carry_out, read))
    monkeypatch.setattr("smalti.recipes.pictures.fit_head", watched(head.fit_head, by_fit))
    made = smalti.train(uneven, steps=1, start=start, out=tmp_path / "run", overrides=HEAD, **QUIET)
    _, recipe, _ = read_settings(RunFolder.open(made.run))
    left_out = {f"{section}.{field}" for section, field, *_ in unread(recipe, "classify")}
    every = set()
    for name, part in vars(recipe).items():
        every |= {f"{name}.{field.name}" for field in fields(part)} if is_dataclass(part) else {name}
    by_rule = {"augment.crop", "augment.flip"}  # the views follow from them
    by_rule |= {"budget.minutes", "budget.epochs", "budget.steps"}  # and what learns
    assert every - read - by_fit - by_rule == left_out - read
    assert not left_out & (by_fit | by_rule)
    assert {"target.class_weights", "loop.precision"} <= by_fit


def noting(part, read, path=""):
    """The same config, whose fields are noted in `read` as they are looked at: "optim.lr"."""
    names = {field.name for field in fields(part)}

    def look(self, name):
        value = object.__getattribute__(self, name)
        if name not in names:
            return value
        if is_dataclass(value):
            return noting(value, read, f"{path}{name}.")
        read.add(path + name)
        return value

    watched = object.__new__(type(type(part).__name__, (type(part),), {"__getattribute__": look}))
    watched.__dict__.update(object.__getattribute__(part, "__dict__"))
    return watched
