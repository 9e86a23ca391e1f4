"""A run that begins with what another model has learned."""

import json
import os
import signal
import tomllib
import weakref
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tests.hub_cache import COMMIT, NAME

import smalti
from smalti import data
from smalti.cli import run
from smalti.data.check import check
from smalti.data.preprocess import Preprocess
from smalti.data.split import split
from smalti.errors import InputError, Interrupted
from smalti.evaluate.probe import fit_linear
from smalti.modelfile import ModelFile, read_model, write_model
from smalti.recipes import head
from smalti.recipes.transfer import FREEZE, TransferConfig, demand_unseen, freeze, kept_options
from smalti.tokenizers import Bytes
from smalti.weights import load_strictly

SEEN_ONCE = {"augment.flip": "none", "views.shift": 0}
PLAIN = {**SEEN_ONCE, "loop.evaluations": 1}  # spares work that is not asked about
HEAD = {**SEEN_ONCE, "transfer.tune": "head"}  # which is fitted, not trained


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small model that tells the ten digits."""
    folder = tmp_path_factory.mktemp("transfer")
    small = {**PLAIN, "model.options.depth": 2, "optim.lr": 0.04}
    return smalti.train(
        "digits",
        model="cct_nano_patch2_8",
        steps=30,
        out=folder / "start",
        overrides=small,
        report=False,
        show=False,
    ).model


def weights(model) -> dict[str, torch.Tensor]:
    return read_model(model).module.state_dict()


@pytest.mark.parametrize("tune", FREEZE)
def test_each_way_of_tuning_ends_in_a_plain_model_file(tune, trained, tmp_path):
    settings = HEAD if tune == "head" else {**PLAIN, "transfer.tune": tune, "optim.lr": 5e-4}
    settings |= {"transfer.blocks": 1} if tune == "last" else {}
    result = smalti.train(
        "digits", steps=8, out=tmp_path / "run", start=trained, overrides=settings, report=False, show=False
    )
    before, after = weights(trained), weights(result.model)
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "head.weight" in moved
    parts = {
        "all": lambda name: True,
        "last": lambda name: name.startswith(("blocks.1.", "norm.", "pool.", "head")),
        "lora": lambda name: name.startswith(("blocks.", "head")) and ".norm" not in name,
        "head": lambda name: name.startswith("head"),
    }
    assert all(parts[tune](name) for name in moved)
    assert len(moved) > 2 or tune == "head"
    assert result.metrics["accuracy"].value > 0.8
    model = smalti.load(result.model)
    assert model.predict((np.arange(64).reshape(8, 8) * 4).astype(np.uint8))[0].label in model.labels


def test_labels_it_knows_begin_with_what_it_knows(trained, tmp_path):
    from smalti.recipes.transfer import load_start

    old = read_model(trained)
    preset, options = kept_options(old)
    fresh = smalti.create_model(preset, num_classes=3, in_chans=1, **options)
    load_start(fresh, TransferConfig(str(trained)), ("7", "new", "2"))
    assert torch.equal(fresh.head.weight[0], old.module.head.weight[7])
    assert torch.equal(fresh.head.weight[2], old.module.head.weight[2])
    assert (fresh.head.weight[1] == 0).all()
    assert torch.equal(fresh.blocks[1].attn.qkv.weight, old.module.blocks[1].attn.qkv.weight)


def test_positions_of_a_grid_that_was_no_square_are_resized_from_it(tmp_path):
    from smalti.embed import resize_positions
    from smalti.recipes.transfer import load_start

    module = smalti.create_model("vit_nano_patch2_8", num_classes=2, img_size=(8, 32)).eval()
    rule = Preprocess((8, 32), 3, (0.5,) * 3, (0.5,) * 3)
    file = ModelFile("vit", module, "classify", ("a", "b"), rule, provenance={"preset": "vit_nano_patch2_8"})
    write_model(tmp_path / "m.safetensors", file)
    fresh = smalti.create_model("vit_nano_patch2_8", num_classes=2, img_size=(16, 32))
    load_start(fresh, TransferConfig(str(tmp_path / "m.safetensors")), ("a", "b"))
    assert torch.equal(fresh.pos_embed, resize_positions(module.pos_embed, (4, 16), (8, 16), num_prefix_tokens=1))


def test_a_regression_begins_with_a_fresh_last_layer(trained, tmp_path):
    """Training sees targets of mean 0 and deviation 1; a finished model has their units in its last layer."""
    from smalti.recipes.transfer import load_start

    write_model(tmp_path / "m.safetensors", replace(read_model(trained), task="regress"))
    preset, options = kept_options(read_model(trained))
    fresh = smalti.create_model(preset, num_classes=2, in_chans=1, **options)
    load_start(fresh, TransferConfig(str(tmp_path / "m.safetensors")), ("7", "2"))
    assert (fresh.head.weight == 0).all()
    assert torch.equal(fresh.norm.weight, weights(trained)["norm.weight"])


def test_the_start_shows_in_the_first_steps(trained, tmp_path):
    def after(name: str, **options) -> float:
        options["overrides"] = {**PLAIN, **options["overrides"]}
        smalti.train("digits", steps=4, out=tmp_path / name, report=False, show=False, **options)
        return json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0])["loss"]

    warm = after("warm", start=trained, overrides={"transfer.tune": "all"})
    assert warm < 0.5 * after("cold", model="cct_nano_patch2_8", overrides={"model.options.depth": 2, "optim.lr": 0.04})


def test_the_models_that_a_choice_needs_are_gone_when_training_begins(trained, tmp_path, monkeypatch):
    read, alive = [], []

    def watched(path):
        read.append(weakref.ref(file := read_model(path)))
        return file

    monkeypatch.setattr("smalti.recipes.pictures.read_start", watched)
    monkeypatch.setattr("smalti.recipes.pictures.read_model", watched)
    monkeypatch.setattr("smalti.recipes.pictures.carry_out", lambda run: alive.extend(one() for one in read))
    options = {"start": trained, "teacher": trained, "overrides": {**PLAIN, "transfer.tune": "all"}, "show": False}
    smalti.train("digits", steps=1, out=tmp_path / "run", **options)
    assert alive == [None, None]


def test_too_little_time_for_the_whole_model_fits_the_last_layer(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("smalti.recipes.pictures.carry_out", lambda run: run)  # what was chosen is written by then
    for name, budget, tune in (
        ("few", {"steps": 4}, "head"),
        ("epochs", {"epochs": 3}, "all"),
        ("steps", {"steps": 70}, "all"),  # 70 batches of 64: 3.1 epochs
    ):
        options = {"start": trained, "overrides": SEEN_ONCE, "report": False, "show": False}
        smalti.train("digits", **budget, out=tmp_path / name, **options)
        assert f'tune = "{tune}"' in (tmp_path / name / "run.toml").read_text()


def test_a_fitted_layer_is_kept_whole_and_fitted_once(trained, tmp_path):
    """A finished run is judged again, not fitted again."""
    options = {"start": trained, "overrides": HEAD, "report": False, "show": False}
    plain = smalti.train("digits", steps=1, out=tmp_path / "run", **options)
    assert not torch.equal(weights(plain.model)["head.weight"], weights(trained)["head.weight"])
    told = json.loads((plain.run / "result.json").read_text())
    assert told["timing"]["train"] > 0
    assert told["timing"]["images_per_second"] is None
    rows = (plain.run / "metrics.jsonl").read_text()
    assert smalti.resume(plain.run, show=False).metrics == plain.metrics
    assert (plain.run / "metrics.jsonl").read_text() == rows
    assert json.loads((plain.run / "result.json").read_text())["steps"] == told["steps"] == 1


def test_without_pictures_to_choose_by_the_strength_is_fixed(trained, tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "few.npz", images=images, labels=np.arange(6) // 2)  # one learns, one judges
    found = []
    monkeypatch.setattr(head, "fit_linear", lambda *args, **more: found.append(fit_linear(*args, **more)) or found[0])
    options = {"start": trained, "overrides": HEAD, "report": False, "show": False}
    smalti.train(tmp_path / "few.npz", steps=1, out=tmp_path / "run", **options)
    assert found[0].strength == 0.1


def test_a_fit_that_is_stopped_begins_anew(trained, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("smalti.recipes.head.fit_linear", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted, match="--resume"):
            smalti.train(
                "digits",
                steps=1,
                start=trained,
                out=tmp_path / "run",
                overrides=HEAD,
                report=False,
                show=False,
            )
    resumed = smalti.resume(tmp_path / "run", show=False)
    assert not torch.equal(weights(resumed.model)["head.weight"], weights(trained)["head.weight"])


def test_a_tuned_run_resumes_to_the_same_bits_even_without_the_start(trained, tmp_path, monkeypatch):
    from smalti.train.loop import Stopped, fit

    start = tmp_path / "start.safetensors"
    start.write_bytes(trained.read_bytes())
    lora = {**PLAIN, "transfer.tune": "lora"}
    options = {"steps": 6, "start": start, "overrides": lora, "report": False, "show": False}
    whole = smalti.train("digits", out=tmp_path / "whole", **options)

    def cut(*args, **kwargs):
        kwargs["listener"] = Cut(kwargs["listener"])
        return fit(*args, **kwargs)

    class Cut:
        def __init__(self, log):
            self.log = log

        def __getattr__(self, name):
            return getattr(self.log, name)

        def on_step(self, state, progress, values):
            self.log.on_step(state, progress, values)
            if state.step == 3:
                self.log.save(state)
                raise Stopped

    import smalti.recipes.training as runs

    monkeypatch.setattr(runs, "fit", cut)
    with pytest.raises(Interrupted):
        smalti.train("digits", out=tmp_path / "cut", **options)
    monkeypatch.undo()
    start.unlink()
    resumed = smalti.resume(tmp_path / "cut", show=False)
    a, b = weights(whole.model), weights(resumed.model)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_another_size_and_channel_count(trained, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "colour.npz",
        train_images=rng.integers(0, 256, (60, 16, 16, 3), dtype=np.uint8),
        train_labels=np.arange(60) % 2,
        test_images=rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8),
        test_labels=np.arange(20) % 2,
    )
    result = smalti.train(
        tmp_path / "colour.npz",
        steps=2,
        out=tmp_path / "run",
        start=trained,
        overrides={**SEEN_ONCE, "preprocess.img_size": 16},
        report=False,
        show=False,
    )
    rule = read_model(result.model).processor
    assert rule.img_size == (16, 16)
    assert rule.in_chans == 3


def test_the_command_takes_a_run_folder(trained, tmp_path, capsys):
    out = tmp_path / "run"
    quick = [f"--set={name}={value}" for name, value in SEEN_ONCE.items()]
    assert run(["train", "digits", "--steps", "2", "--from", str(trained.parent), "--out", str(out), *quick]) == 0
    assert "the one it begins with" in capsys.readouterr().err
    assert f'start = "{trained.parent}"' in (out / "run.toml").read_text()


@pytest.mark.parametrize("role", ["start", "teacher"])
def test_no_run_is_judged_on_what_the_model_it_builds_on_has_learned(role, trained, tmp_path, monkeypatch):
    """The digits come without test pictures: the seed says which they are."""
    monkeypatch.setattr("smalti.recipes.pictures.carry_out", lambda run: run)
    about = {role: trained, "steps": 70, "overrides": {**PLAIN, "optim.lr": 0.001}, "report": False, "show": False}
    with pytest.raises(InputError, match="seed 0 has learned from what would judge this run; add --seed 0"):
        smalti.train("digits", out=tmp_path / "run", seed=1, **about)
    assert not (tmp_path / "run").exists()
    smalti.train("digits", out=tmp_path / "run", seed=0, fraction=0.5, **about)


@pytest.mark.parametrize("role", ["start", "teacher"])
def test_the_seed_is_that_of_the_model_it_builds_on(role, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("smalti.recipes.pictures.carry_out", lambda run: run)
    file = read_model(trained)
    write_model(tmp_path / "m.safetensors", replace(file, provenance={**file.provenance, "seed": 3}))
    about = {role: tmp_path / "m.safetensors", "steps": 70, "report": False, "show": False}
    about["overrides"] = {**PLAIN, "optim.lr": 0.001}
    smalti.train("digits", out=tmp_path / "run", **about)
    told = tomllib.loads((tmp_path / "run" / "run.toml").read_text())
    assert told["seed"] == 3
    assert [choice["value"] for choice in told["choices"] if choice["name"] == "seed"] == ["3"]
    with pytest.raises(InputError, match="add --seed 3"):
        smalti.train("digits", out=tmp_path / "other", config=tmp_path / "run" / "run.toml", seed=0, **about)


def test_data_that_has_grown_is_known_by_its_name(trained):
    """And by its fingerprint where it lies somewhere else."""
    file, source = read_model(trained), data.open("digits")
    divide = partial(split, source, check(source).facts)
    for name, fingerprint in (("digits", "of more"), ("elsewhere", file.provenance["fingerprint"])):
        demand_unseen(file, name, fingerprint, divide(seed=0), divide)
        with pytest.raises(InputError, match="add --seed 0"):
            demand_unseen(file, name, fingerprint, divide(seed=1), divide)
    demand_unseen(file, "elsewhere", "of other data", divide(seed=1), divide)


def test_data_with_test_pictures_of_its_own_takes_any_seed(trained):
    file, source = read_model(trained), data.open("digits")
    facts = check(source).facts
    for splits in (source.splits, np.where(np.arange(len(source)) % 9, 0, 2).astype(np.int8)):
        given = replace(source, splits=splits)
        file.provenance["fingerprint"] = given.fingerprint
        divide = partial(split, given, facts)
        demand_unseen(file, given.name, given.fingerprint, divide(seed=0), divide)
        with pytest.raises(InputError) if splits is source.splits else nullcontext():
            demand_unseen(file, given.name, given.fingerprint, divide(seed=1), divide)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"start": "nowhere.safetensors"}, "does not exist"),
        ({"overrides": {"transfer.tune": "head"}}, "--from"),
        ({"model": "vit_mini_patch4_32"}, "--model or --from"),
        ({"overrides": {"transfer.tune": "last", "transfer.blocks": 9}}, "2 blocks"),
        ({"overrides": {"transfer.tune": "some"}}, "one of"),
    ],
)
def test_what_cannot_be_is_told(options, told, trained, tmp_path):
    if told != "--from":
        options = {"start": trained, **options}
    with pytest.raises(InputError, match=told):
        smalti.train("digits", steps=2, out=tmp_path / "run", report=False, show=False, **options)


@pytest.mark.parametrize("hidden", [16, 64])
@pytest.mark.parametrize("labels", ["cdefg", "abcde"])
def test_a_pretraining_head_is_taken_off(labels, hidden, tmp_path):
    """And with it what is known of the labels, which was read off it, also where it is as wide as the features."""
    from smalti.recipes.transfer import load_start

    module = smalti.create_model("vit_nano_patch2_8", num_classes=2, pre_logits=hidden, layer_scale=0.1).eval()
    rule = Preprocess((8, 8), 3, (0.5,) * 3, (0.5,) * 3)
    file = ModelFile("vit", module, "classify", ("a", "b"), rule, provenance={"preset": "vit_nano_patch2_8"})
    write_model(tmp_path / "m.safetensors", file)
    preset, options = kept_options(read_model(tmp_path / "m.safetensors"))
    assert options == {"layer_scale": 0.1}
    fresh = smalti.create_model(preset, num_classes=5, **options)
    load_start(fresh, TransferConfig(str(tmp_path / "m.safetensors")), tuple(labels))
    assert (fresh.head.weight == 0).all()
    state = {
        name: tensor for name, tensor in module.state_dict().items() if not name.startswith(("pre_logits", "head"))
    }
    load_strictly(fresh, {**state, **{f"head.{k}": v for k, v in fresh.head.state_dict().items()}}, where="")


def test_a_start_without_a_preset_is_told_of(tmp_path):
    module = smalti.create_model("vit_nano_patch2_8", num_classes=2, in_chans=1).eval()
    file = ModelFile("vit", module, "classify", ("a", "b"), Preprocess((8, 8), 1, (0.5,), (0.5,)))
    write_model(tmp_path / "m", file)
    with pytest.raises(InputError, match=r"--from: the model it begins with does not say of which preset it is"):
        smalti.train("digits", start=tmp_path / "m", steps=1, out=tmp_path / "run", show=False)


def test_freezing_the_first_blocks_leaves_the_last_ones():
    model = smalti.create_model("swin_mini_patch2_window4_32")
    freeze(model, TransferConfig("x", "last", blocks=2))
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all(name.startswith(("layers.2.blocks.", "norm.", "head.")) for name in learning)
    assert {"layers.2.blocks.0.norm1.weight", "norm.weight", "head.fc.weight"} <= learning


@pytest.mark.parametrize("tune", ["lora", "last"])
@pytest.mark.parametrize("preset", ["cnn_small_8", "mlp_small_8"])
def test_what_has_no_blocks_has_none_to_tune(preset, tune):
    with pytest.raises(InputError, match=rf'{tune} of a model without blocks .*; set transfer.tune to "all" or "head"'):
        freeze(smalti.create_model(preset), TransferConfig(tune=tune))


def test_a_start_that_is_of_one_size_says_which(tmp_path):
    from smalti.recipes.transfer import load_start

    module = smalti.create_model("cnn_small_8", num_classes=2, in_chans=1).eval()
    file = ModelFile("cnn", module, "classify", ("a", "b"), Preprocess((8, 8), 1, (0.5,), (0.5,)))
    write_model(tmp_path / "m", file)
    larger = smalti.create_model("cnn_small_8", img_size=16, num_classes=2, in_chans=1)
    with pytest.raises(InputError, match=r"do not match .*leave out preprocess.img_size \(it is 8 x 8\)"):
        load_start(larger, TransferConfig(str(tmp_path / "m")), ("a", "b"))


def test_a_run_begins_with_weights_of_the_hub_and_goes_on_without_the_network(hub, tmp_path, monkeypatch):
    """The commit is in run.toml, so the run is the same one whatever the hub's main branch becomes."""
    few = tmp_path / "few.npz"
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    np.savez(few, images=images, labels=np.arange(24) % 3)
    options = {
        "steps": 2,
        "out": tmp_path / "run",
        "overrides": {**PLAIN, "loop.batch_size": 16, "transfer.tune": "all"},
        "report": False,
    }
    with pytest.raises(InputError, match="--download"):
        smalti.train(few, start=NAME, show=False, **options)
    assert not (tmp_path / "run").exists()
    result = smalti.train(few, start=NAME, download=True, show=False, **options)
    asked = len(hub.asked)
    assert f'start = "{NAME}@{COMMIT}"' in (tmp_path / "run" / "run.toml").read_text()
    assert read_model(result.model).provenance["start"] == f"{NAME}@{COMMIT}"
    assert read_model(result.model).processor.mean[0] == 0.4
    for file in ("last", "best"):  # killed before it had saved anything
        (tmp_path / "run" / "checkpoints" / f"{file}.safetensors").unlink()
    again = smalti.resume(tmp_path / "run", show=False)
    first, second = weights(result.model), weights(again.model)
    assert all(torch.equal(first[name], second[name]) for name in first)
    options["out"] = tmp_path / "copy"
    copied = smalti.train(few, config=tmp_path / "run" / "run.toml", show=False, **options)
    assert all(torch.equal(first[name], tensor) for name, tensor in weights(copied.model).items())
    assert len(hub.asked) == asked


def test_a_model_of_text_is_no_start_for_pictures(hub, tmp_path):
    tokenizer = Bytes()
    pytest.importorskip("transformers")
    module = smalti.create_model("gpt_char_mini", vocab_size=tokenizer.vocab_size, embed_dim=16, depth=1, num_heads=2)
    write_model(tmp_path / "m.safetensors", ModelFile("gpt", module, "next-token", (), tokenizer))
    smalti.export(tmp_path / "m.safetensors", tmp_path / "out", format="hf")
    hub.keep("x/text", {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()})
    with pytest.raises(InputError, match="is a model of text"):
        smalti.train("digits", start="x/text", steps=1, out=tmp_path / "run", show=False)
