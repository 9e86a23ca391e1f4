"""Published weights as model files: the same answers, labels and preprocessing, at their own size and at others."""

import argparse
import hashlib
import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import smalti
from smalti import api
from smalti._torchvision import torchvision
from smalti.cli import run
from smalti.data.preprocess import before_crop
from smalti.embed import resize_positions
from smalti.errors import InputError, StorageError
from smalti.importing import published_model
from smalti.importing.outputs import find_labels
from smalti.importing.preprocess import find_normalisation
from smalti.modelfile import read_model, write_model
from smalti.models import FAMILIES, preset_config
from smalti.weights import (
    HUGGINGFACE,
    DifferenceError,
    Published,
    options_from_huggingface,
    options_from_timm,
    reading,
    refuse_others,
)
from smalti.weights._unpickle import PLAIN, tensors
from smalti.weights.huggingface import ratio_of
from tests.hub_cache import COMMIT, NAME, timm_files

timm = pytest.importorskip("timm")

PICTURE = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3).eval()
    torch.nn.init.normal_(model.head.weight, std=0.2)
    return model


@pytest.fixture(scope="module")
def weights(theirs, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(theirs.state_dict(), path)
    return path


def test_a_file_of_timm_answers_as_in_timm(theirs, weights, tmp_path):
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224")
    model = smalti.load(made.path, device="cpu", precision="fp32")
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = theirs(images)
        torch.testing.assert_close(model.module(images), expected, rtol=1e-4, atol=1e-5)
    assert model.labels == ("class 0", "class 1", "class 2")
    assert model.preprocess.mean == (0.5, 0.5, 0.5)
    assert model.preprocess.crop_pct == 0.9
    assert model.predict(PICTURE)[0].label in model.labels
    assert model.provenance["weights"]["source"] == "vit.safetensors"
    assert model.provenance["parameters"] == sum(parameter.numel() for parameter in theirs.parameters())
    assert any("--labels" in remark for remark in made.remarks)


@pytest.mark.parametrize("options", [{"img_size": 384}, {"img_size": 32}, {"img_size": (96, 64)}, {"in_chans": 1}])
def test_another_size_or_channel_count(options, weights, tmp_path):
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", **options)
    model = smalti.load(made.path)
    assert model.preprocess.in_chans == options.get("in_chans", 3)
    assert len(model.preprocess.mean) == model.preprocess.in_chans
    assert model.predict(PICTURE)[0].label in model.labels


SMALL = {"embed_dim": 24, "depth": 2, "num_heads": 3}
STAGES = {"embed_dim": 12, "depths": (2, 2), "num_heads": (2, 4)}


def small(monkeypatch, preset: str, **options) -> str:
    """`preset`, in a size that takes no time."""
    family, config = preset_config(preset, **options)
    monkeypatch.setitem(FAMILIES[family].presets, preset, config)
    return preset


@pytest.mark.parametrize(
    ("preset", "options", "sizes"),
    [
        ("swin_tiny_patch4_window7_224", STAGES, (28, 384)),
        ("beit_base_patch16_224", SMALL, (384,)),
        ("vit_small_patch14_dinov2", SMALL, (28, 224)),
    ],
)
def test_weights_of_one_size_are_used_at_others(preset, options, sizes, monkeypatch, tmp_path):
    module = smalti.create_model(small(monkeypatch, preset, **options))
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    for size in sizes:
        model = published_model(tmp_path / "w.safetensors", preset=preset, img_size=size).model
        images = model.processor([PICTURE])
        assert images.shape == (1, 3, size, size)
        with torch.no_grad():
            assert model.module(images).isfinite().all()


@pytest.mark.parametrize("named", [True, False])
def test_positions_are_of_the_grid_of_the_preset_or_the_folder(named, monkeypatch, tmp_path):
    """Not of the one that is asked for, though it has as many patches."""
    preset = small(monkeypatch, "vit_tiny_patch16_224", **SMALL, img_size=96)
    there = 96 if named else (48, 192)
    module = smalti.create_model(preset, img_size=there)
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    told = {"architecture": preset, "pretrained_cfg": {"input_size": [3, 48, 192]}}
    (tmp_path / "config.json").write_text(json.dumps({} if named else told))
    source, chosen = (tmp_path / "model.safetensors", preset) if named else (tmp_path, None)
    model = published_model(source, preset=chosen, img_size=(64, 144)).model.module
    expected = resize_positions(module.pos_embed, module.grid_size, (4, 9), num_prefix_tokens=1)
    assert torch.equal(model.pos_embed, expected)
    assert not torch.equal(model.pos_embed, module.pos_embed)


@pytest.mark.parametrize(
    ("cut", "size", "asked"),
    [((28, 42), (28, 42), {}), ((30, 42), (56, 56), {}), ((28, 42), (70, 70), {"img_size": 70})],
)
def test_a_dinov2_takes_pictures_as_its_preprocessor_makes_them(cut, size, asked, monkeypatch, tmp_path):
    module = smalti.create_model(small(monkeypatch, "vit_small_patch14_dinov2", **SMALL), img_size=56)
    save_file(HUGGINGFACE["dinov2"].to_theirs(module.state_dict()), tmp_path / "model.safetensors")
    told = {"model_type": "dinov2", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3}
    (tmp_path / "config.json").write_text(json.dumps({**told, "patch_size": 14, "image_size": 56}))
    about = {"size": {"shortest_edge": 64}, "crop_size": {"height": cut[0], "width": cut[1]}, "do_center_crop": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(about))
    model = published_model(tmp_path, **asked).model
    assert model.processor.img_size == size
    expected = resize_positions(module.pos_embed, (4, 4), (size[0] // 14, size[1] // 14), num_prefix_tokens=1)
    assert torch.equal(model.module.pos_embed, expected)


def test_a_size_that_patches_do_not_fill_is_refused(weights):
    with pytest.raises(InputError, match="img_size 28 is not a multiple of patch_size 16; use 16 or 32"):
        published_model(weights, preset="vit_tiny_patch16_224", img_size=28)


def test_mean_and_deviation_are_a_value_a_channel_or_one_for_all(weights, tmp_path):
    out, preset = tmp_path / "m.safetensors", "vit_tiny_patch16_224"
    for chans, mean in (3, (0.1, 0.2)), (3, (0.1, 0.2, 0.3, 0.4)), (1, (0.1, 0.2, 0.3)):
        with pytest.raises(InputError, match=f"{len(mean)} values of mean do not fit {chans} channels"):
            smalti.import_weights(weights, out, preset=preset, in_chans=chans, mean=mean)
    with pytest.raises(InputError, match="2 values of std"):
        smalti.import_weights(weights, out, preset=preset, std=(0.1, 0.2))
    rule = smalti.import_weights(weights, out, preset=preset, mean=(0.1,), std=(0.2, 0.3, 0.4)).model.processor
    assert (rule.mean, rule.std) == ((0.1,) * 3, (0.2, 0.3, 0.4))


def test_windows_of_another_size_have_the_biases_they_were_trained_with(tmp_path):
    preset = "swinv2_mini_patch2_window4_32"
    torch.manual_seed(0)
    trained = smalti.create_model(preset)
    torch.nn.init.normal_(trained.layers[2].blocks[0].attn.rel_bias.mlp[2].weight)
    save_file(trained.state_dict(), tmp_path / "v2.safetensors")
    other = published_model(tmp_path / "v2.safetensors", preset=preset, img_size=16).model.module
    old, new = (model.layers[2].blocks[0].attn for model in (trained, other))
    assert (old.window, new.window) == ((4, 4), (2, 2))
    for token, same in ((1, 1), (2, 4), (3, 5)):  # to the right, below, both
        torch.testing.assert_close(new.rel_bias()[..., 0, token], old.rel_bias()[..., 0, same])


@pytest.mark.parametrize(
    ("told", "windows"),
    [
        ({"pretrained_window_sizes": [0] * 4}, (8, 8, 8, 7)),
        ({"pretrained_window_sizes": [12, 12, 12, 6]}, (12, 12, 12, 6)),
    ],
)
def test_a_folder_of_transformers_says_the_windows_of_a_swin_v2(told, windows):
    about = {"model_type": "swinv2", "image_size": 224, "patch_size": 4, "window_size": 8, "depths": [2, 2, 6, 2]}
    assert options_from_huggingface({**about, **told})["trained_windows"] == windows
    assert "trained_windows" not in options_from_huggingface({"model_type": "swinv2"})


def test_a_folder_of_timm_says_what_it_is(theirs, weights, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    shutil.copy(weights, folder / "model.safetensors")
    config = {
        "architecture": "vit_tiny_patch16_224",
        "label_names": ["cat", "dog", "cat"],
        "pretrained_cfg": {"mean": [0.4] * 3, "std": [0.3] * 3, "interpolation": "bilinear", "crop_pct": 0.95},
    }
    (folder / "config.json").write_text(json.dumps(config))
    model = smalti.import_weights(folder, tmp_path / "m.safetensors").model
    assert model.labels == ("cat (0)", "dog", "cat (2)")
    rule = model.processor
    assert (rule.mean[0], rule.std[0], rule.interpolation, rule.crop_pct) == (0.4, 0.3, "bilinear", 0.95)


def folder_of(tmp_path, *, preprocessor=None, classes=3, **told):
    """A folder of transformers of a small ViT."""
    torch.manual_seed(0)
    model = smalti.create_model("vit_nano_patch4_32", num_classes=classes)
    torch.nn.init.normal_(model.head.weight)
    state = model.state_dict()
    named = {n if n.startswith("classifier") else f"vit.{n}": t for n, t in HUGGINGFACE["vit"].to_theirs(state).items()}
    tmp_path.mkdir(exist_ok=True)
    save_file(named, tmp_path / "model.safetensors")
    config = {"model_type": "vit", "hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 4}
    (tmp_path / "config.json").write_text(json.dumps({**config, "patch_size": 4, "image_size": 32, **told}))
    if preprocessor:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return tmp_path


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ({"id2label": {"0": "a", "2": "c"}}, ("a", "class 1", "c")),
        ({"id2label": {"0": "a", "2": "c", "5": "f"}}, ("class 0", "class 1", "class 2")),
        ({"id2label": {"0": "a", "1": "a", "2": "a (1)"}}, ("a (0)", "a (1) (1)", "a (1) (2)")),
        ({"label_names": {"1": "b", "0": "a", "2": "c"}}, ("a", "b", "c")),
        ({"pretrained_cfg": {"label_names": ["a", "b", "c"]}}, ("a", "b", "c")),
    ],
)
def test_labels_are_those_of_their_outputs(told, labels, tmp_path):
    assert published_model(folder_of(tmp_path, **told)).model.labels == labels


@pytest.mark.parametrize(
    ("problem", "classes", "task"),
    [
        ("multi_label_classification", 3, "multilabel"),
        ("regression", 3, "regress"),
        ("single_label_classification", 3, "classify"),
        (None, 3, "classify"),
        (None, 1, "regress"),
    ],
)
def test_what_the_outputs_are_is_as_the_folder_says(problem, classes, task, tmp_path):
    folder = folder_of(tmp_path / "theirs", classes=classes, problem_type=problem)
    made = smalti.import_weights(folder, tmp_path / "m.safetensors")
    model = smalti.load(made.path, device="cpu", precision="fp32")
    logits = model.module(model.preprocess([PICTURE]))[0]
    expected = {"classify": logits.softmax(-1), "multilabel": logits.sigmoid(), "regress": logits}[task]
    (answer,) = model.predict(PICTURE)
    assert model.task == task
    assert list(answer.values.values()) == pytest.approx(expected.tolist(), abs=1e-4)


def test_what_the_outputs_are_can_be_said_and_one_is_no_class(tmp_path):
    """The softmax of one output is 1 for every picture."""
    out, preset = tmp_path / "m.safetensors", "vit_nano_patch4_32"
    for outputs in (0, 1, 3):
        save_file(smalti.create_model(preset, num_classes=outputs).state_dict(), tmp_path / f"{outputs}.safetensors")
    for options in ({}, {"task": "classify"}):
        with pytest.raises(InputError, match=r"has one output.*--task regress or --task multilabel"):
            smalti.import_weights(tmp_path / "1.safetensors", out, preset=preset, **options)
    assert not out.exists()
    command = ["import-weights", str(tmp_path / "1.safetensors"), "--preset", preset, "--out", str(out)]
    assert run([*command, "--task", "regress"]) == 0
    assert read_model(out).task == "regress"
    made = published_model(tmp_path / "3.safetensors", preset=preset, task="multilabel")
    assert made.model.task == "multilabel"
    with pytest.raises(InputError, match="has no outputs"):
        published_model(tmp_path / "0.safetensors", preset=preset, task="regress")
    with pytest.raises(InputError, match="task = 'sort' is not one of"):
        published_model(tmp_path / "3.safetensors", preset=preset, task="sort")  # type: ignore[arg-type]


def test_labels_by_other_than_numbers_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"labels are not told by number.*--labels"):
        published_model(folder_of(tmp_path, id2label={"LABEL_0": "a", "LABEL_1": "b", "LABEL_2": "c"}))


def test_many_labels_of_which_two_are_equal_take_no_time():
    names = {str(i): f"name {max(i, 1)}" for i in range(20_000)}
    published = Published(Path("x"), {}, {"id2label": names})
    began = time.monotonic()
    labels = find_labels(published, len(names), None, [])
    assert labels[:3] == ("name 1 (0)", "name 1 (1)", "name 2")
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"hidden_act": "relu"}, "hidden_act = 'relu'"),
        ({"num_attention_heads": 8}, "num_attention_heads = 8"),
        ({"architectures": ["BeitForMaskedImageModeling"], "use_mean_pooling": False}, "use_mean_pooling = False"),
    ],
)
def test_settings_that_no_shape_tells_are_compared(told, why, tmp_path):
    with pytest.raises(InputError, match=why):
        published_model(folder_of(tmp_path, **told), preset="vit_nano_patch4_32")
    assert published_model(folder_of(tmp_path), preset="vit_nano_patch4_32").model.labels


def test_heads_of_stages_and_what_norms_add_are_compared():
    told = {"depths": [2, 4, 2], "num_heads": [2, 4, 8], "layer_norm_eps": 1e-5}
    refuse_others(told, "swin_mini_patch4_window4_64")
    for change in ({"num_heads": [2, 4, 4]}, {"layer_norm_eps": 1e-3}):
        with pytest.raises(InputError, match=next(iter(change))):
            refuse_others({**told, **change}, "swin_mini_patch4_window4_64")


@pytest.mark.parametrize(
    ("argument", "told"), [("act_layer", "relu"), ("global_pool", "map"), ("pre_norm", True)], ids=str
)
def test_a_model_of_timm_that_we_have_not_is_refused(argument, told):
    with pytest.raises(InputError, match=f"{argument} = .* is something smalti has not"):
        options_from_timm({"architecture": "vit_tiny_patch16_224", "model_args": {argument: told}})


def test_a_model_of_timm_that_pools_nothing_gives_features(tmp_path):
    theirs = written_by_timm(tmp_path, "vit_tiny_patch16_224", **SMALL, img_size=32, num_classes=0, global_pool="")
    made = published_model(tmp_path).model
    assert (made.labels, made.module.config.pool) == ((), "cls")
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(made.module.forward_features(images), theirs(images), rtol=1e-4, atol=1e-5)
    about = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(about | {"num_classes": 3}))
    with pytest.raises(InputError, match=r"global_pool = '' .*its head answers for every token.*say there"):
        published_model(tmp_path)


def test_pictures_that_patches_do_not_fill_are_refused_until_a_size_is_named(tmp_path):
    theirs = written_by_timm(tmp_path, "vit_tiny_patch16_224", **SMALL, img_size=40)
    seen = "pictures are 40 x 40 there, of which patches of 16 see the upper left 32 x 32; add --img-size 32"
    with pytest.raises(InputError, match=seen):
        published_model(tmp_path)
    made = published_model(tmp_path, img_size=32)
    images = torch.randn(2, 3, 40, 40)
    with torch.no_grad():
        found = made.model.module(images[..., :32, :32])
        torch.testing.assert_close(found, theirs(images), rtol=1e-4, atol=1e-5)


def test_widths_of_mlps_come_out_as_they_are_said():
    for width in range(8, 512, 8):
        for inner in (width + 1, 3 * width - 1, 4 * width + 8):
            assert int(width * ratio_of(inner, width)) == inner


def test_the_folder_of_timm_says_the_size_unless_a_preset_is_named(theirs, weights, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    shutil.copy(weights, folder / "model.safetensors")
    config = {"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {"input_size": [3, 64, 96]}}
    (folder / "config.json").write_text(json.dumps(config))
    assert published_model(folder).model.processor.img_size == (64, 96)
    assert published_model(folder, img_size=32).model.processor.img_size == (32, 32)
    assert published_model(folder, preset="vit_tiny_patch16_224").model.processor.img_size == (224, 224)


WRITTEN = {  # our preset, its small size, timm's arguments beside it
    "Swin": ("swin_tiny_patch4_window7_224", STAGES, {"img_size": 56}),
    "Swin V2 in the windows of its preset": ("swinv2_tiny_window8_256", STAGES, {"img_size": 64}),
    "Swin V2 in larger windows": ("swinv2_tiny_window8_256", STAGES, {"img_size": 64, "window_size": 16}),
    "Swin V2 in a small picture": ("swinv2_tiny_window16_256", STAGES, {"img_size": 32}),
    "Swin V2 trained in other windows": (
        "swinv2_tiny_window8_256",
        STAGES,
        {"img_size": 64, "pretrained_window_sizes": (6, 4)},
    ),
    "DINOv3 without a head": ("vit_small_patch16_dinov3", SMALL, {"img_size": 32, "num_classes": 0}),
    "DINOv3 that reads its class token": ("vit_small_patch16_dinov3", SMALL, {"img_size": 32, "global_pool": "token"}),
}


def written_by_timm(folder, preset: str, **options):
    """A model of timm with random weights, and the folder that timm writes of it."""
    torch.manual_seed(0)
    theirs = timm.create_model(preset, **{"num_classes": 3, **options}).eval()
    for name, parameter in theirs.named_parameters():
        torch.nn.init.normal_(parameter, 2.3 if name.endswith("logit_scale") else 0.0, std=0.2)
    timm.models.save_for_hf(theirs, folder)
    return theirs


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_folder_that_timm_writes_answers_as_in_timm(kind, tmp_path):
    preset, sizes, options = WRITTEN[kind]
    theirs = written_by_timm(tmp_path, preset, **sizes, **options)
    made = published_model(tmp_path).model
    images = torch.randn(2, 3, options["img_size"], options["img_size"])
    with torch.no_grad():
        found, expected = made.module(images), theirs(images)
        if not theirs.num_classes:  # we read the class token, timm the mean
            found, expected = made.module.forward_features(images), theirs.forward_features(images)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_swin_v2_keeps_its_offsets_at_another_size(tmp_path):
    written_by_timm(tmp_path, "swinv2_tiny_window8_256", **STAGES, img_size=64, window_size=16)
    assert published_model(tmp_path, img_size=32).model.module.config.trained_windows == (16, 8)
    about = {"architecture": "swinv2_base_window12to16_192to256"}
    assert options_from_timm(about)["trained_windows"] == (12, 12, 12, 6)
    nowhere = {"model_args": {"pretrained_window_sizes": [0] * 4}}
    assert options_from_timm(about | nowhere)["trained_windows"] == (16, 16, 16, 8)


@pytest.mark.parametrize("told", ["in its arguments", "beside none"])
def test_a_head_on_the_mean_of_normed_patches(told, tmp_path, monkeypatch):
    small(monkeypatch, "vit_small_patch16_dinov3", **SMALL)
    theirs = written_by_timm(tmp_path, "vit_small_patch16_dinov3", **SMALL, img_size=256)
    about = json.loads((tmp_path / "config.json").read_text())
    if told == "beside none":
        assert about.pop("model_args")["global_pool"] == about["global_pool"] == "avg"
        (tmp_path / "config.json").write_text(json.dumps(about))
    made = published_model(tmp_path).model
    assert made.module.config.pool == "normed_mean"
    images = torch.randn(2, 3, 256, 256)
    with torch.no_grad():
        torch.testing.assert_close(made.module(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_weights_that_norm_the_mean_of_patches_answer_as_in_timm(tmp_path, monkeypatch):
    """MAE's with a head have such."""
    torch.manual_seed(0)
    theirs = timm.create_model("vit_tiny_patch16_224", **SMALL, img_size=32, num_classes=3, global_pool="avg").eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    preset = small(monkeypatch, "vit_tiny_patch16_224", img_size=32, **SMALL)
    made = published_model(tmp_path / "w.safetensors", preset=preset).model
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(made.module(images), theirs(images), rtol=1e-4, atol=1e-5)
    assert made.processor.mean == (0.485, 0.456, 0.406)


def test_a_class_token_normed_after_it_is_read_is_not_taken_for_a_mean(tmp_path):
    written_by_timm(tmp_path, "vit_tiny_patch16_224", **SMALL, img_size=32, fc_norm=True)
    with pytest.raises(DifferenceError, match=r"do not match \(fc_norm"):
        published_model(tmp_path)


@pytest.mark.parametrize(("side", "differs"), [(56, False), (64, True)])
def test_that_timm_pads_windows_in_another_way_is_said(side, differs, tmp_path, monkeypatch):
    preset = small(monkeypatch, "swin_tiny_patch4_window7_224", **STAGES, img_size=side)
    save_file(smalti.create_model(preset).state_dict(), tmp_path / "w.safetensors")
    said = " ".join(published_model(tmp_path / "w.safetensors", preset=preset).remarks)
    assert ("answers differ from timm's" in said, "--img-size 56" in said) == (differs, differs)


@pytest.mark.parametrize("wrapper", ["model.{}", "model._orig_mod.{}", "net.{}", "model.vit.{}"])
def test_what_wraps_the_weights_and_what_lies_beside_them_is_left_out(wrapper, tmp_path):
    state = published_model(folder_of(tmp_path / "theirs")).model.module.state_dict()
    if "vit" in wrapper:
        state = {f"model.{name}": tensor for name, tensor in load_file(tmp_path / "theirs/model.safetensors").items()}
    else:
        state = {wrapper.format(name): tensor for name, tensor in state.items()}
    save_file({**state, "criterion.weight": torch.ones(3)}, tmp_path / "w.safetensors")
    made = published_model(tmp_path / "w.safetensors", preset="vit_nano_patch4_32")
    assert any("beside the model there is left out: criterion.weight" in remark for remark in made.remarks)


def test_a_folder_of_own_sizes_is_read_as_it_says(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 72}
    told = transformers.ViTConfig(**sizes, image_size=32, patch_size=8, qkv_bias=False, num_labels=3)
    theirs = transformers.ViTForImageClassification(told).eval()
    theirs.save_pretrained(tmp_path)
    made = published_model(tmp_path)
    assert any("sizes are those of its config.json" in remark for remark in made.remarks)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(made.model.module(images), theirs(images).logits, rtol=1e-4, atol=1e-5)


def test_a_swin_v2_of_other_stages_is_read(tmp_path):
    transformers = pytest.importorskip("transformers")
    told = transformers.Swinv2Config(**HF_STAGES, image_size=64, patch_size=4, window_size=4, num_labels=3)
    theirs = transformers.Swinv2ForImageClassification(told).eval()
    theirs.save_pretrained(tmp_path)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found, expected = published_model(tmp_path).model.module(images), theirs(images).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_vit_msn_is_a_vit(tmp_path):
    assert published_model(folder_of(tmp_path, model_type="vit_msn")).model.processor.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("told", "preset", "said"),
    [
        ({"model_type": "siglip_vision_model"}, None, '"siglip_vision_model", which smalti does not read; of trans'),
        ({"model_type": "distilbert"}, None, '"distilbert", which smalti does not read'),
        (
            {"model_type": "distilbert"},
            "bert_base",
            "bert_base is a model of text; those are read from a folder of gpt2, bert",
        ),
        ({"model_type": "bert"}, None, "it has a head that smalti has not (qa_outputs.weight)"),
        ({}, None, "does not say what model it is of; add --preset"),
    ],
)
def test_a_model_that_is_not_read_is_named(told, preset, said, tmp_path):
    save_file({"qa_outputs.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match=re.escape(said)):
        published_model(tmp_path, preset=preset)


@pytest.mark.parametrize("named", [True, False])
def test_a_convnext_of_timm_answers_as_there(named, tmp_path):
    torch.manual_seed(0)
    theirs = timm.create_model("convnext_tiny", num_classes=3).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    if named:
        save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    else:
        timm.models.save_for_hf(theirs, tmp_path)  # which says "convnext_tiny" in its config.json
    source, preset = (tmp_path / "model.safetensors", "convnext_tiny_224") if named else (tmp_path, None)
    made = published_model(source, preset=preset)
    assert (made.names, made.model.processor.interpolation) == ("timm", "bicubic")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(made.model.module(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_a_folder_of_timm_says_resnet18_without_a_size(tmp_path, monkeypatch):
    told = {"architecture": "resnet18", "pretrained_cfg": {"crop_pct": 0.95, "interpolation": "bicubic"}}
    save_file(smalti.create_model("resnet18_224", num_classes=3).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(told))
    assert published_model(tmp_path).model.processor.crop_pct == 0.95


@pytest.mark.parametrize("arch", ["resnet18", "convnext_tiny"])
def test_a_file_of_torchvision_answers_as_there(arch, tmp_path):
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, arch)(num_classes=3).eval()
    old = {name: tensor for name, tensor in theirs.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(old, tmp_path / "theirs.safetensors")
    made = smalti.import_weights(tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors", preset=f"{arch}_224")
    assert (made.names, len(made.model.labels)) == ("torchvision", 3)
    assert made.model.processor.mean == (0.485, 0.456, 0.406)
    weights = torchvision.models.get_model_weights(arch).IMAGENET1K_V1.transforms()
    rule = made.model.processor
    assert before_crop(224, rule.crop_pct) == weights.resize_size[0]
    assert (rule.interpolation, any("is taken to be" in one for one in made.remarks)) == ("bilinear", True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(made.model.module.eval()(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_a_flexivit_takes_the_weights_of_a_plain_vit(tmp_path, monkeypatch):
    theirs = published_model(folder_of(tmp_path)).model.module
    options = {"embed_dim": 64, "depth": 6, "num_heads": 4, "patch_size": 4, "patch_sizes": (4, 8)}
    small(monkeypatch, "flexivit_mini_32", **options)
    ours = published_model(tmp_path, preset="flexivit_mini_32").model.module
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", ["eva02_tiny_patch14_224", "resnet18_32"])
def test_a_family_that_transformers_has_not_is_refused_in_a_line(preset, tmp_path, capsys):
    weights, family = tmp_path / "vit.safetensors", preset_config(preset)[0]
    (folder_of(tmp_path / "vit") / "model.safetensors").rename(weights)  # where no config.json is beside it
    command = ["import-weights", str(weights), "--preset", preset, "--out", str(tmp_path / "m.safetensors")]
    assert run(command) == 2
    said = capsys.readouterr().err
    assert f"not those of a model of the family {family}; name the preset" in said
    assert said.count("\n") == 1


def test_what_deit_does_to_pictures(tmp_path):
    """Squashed, then the middle cut out."""
    transformers = pytest.importorskip("transformers")
    y, x = np.mgrid[0:60, 0:90]
    picture = np.stack([127 + 120 * np.sin(x / 9), 127 + 120 * np.cos(y / 7), (x + y) * 1.5], -1).astype(np.uint8)
    told = {"do_center_crop": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 3}
    sides = {"size": {"height": 37, "width": 37}, "crop_size": {"height": 32, "width": 32}}
    for said in ({"size": 37, "crop_size": 32}, sides):
        rule = published_model(folder_of(tmp_path, preprocessor=told | said)).model.processor
        theirs = transformers.DeiTImageProcessor(**told, **sides)
        expected = theirs(Image.fromarray(picture), return_tensors="pt")["pixel_values"]
        assert (rule([picture]) - expected).abs().max() <= 0.03  # a few shades of 256, over 0.5
        squashed = replace(rule, crop_pct=1.0)
        assert (squashed([picture]) - expected).abs().max() > 0.3


def test_pictures_that_are_not_normalised(tmp_path):
    told = {"do_normalize": False, "size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    rule = published_model(folder_of(tmp_path, preprocessor=told)).model.processor
    assert (rule.mean, rule.std) == ((0.0,) * 3, (1.0,) * 3)


HALVES = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 3}


@pytest.mark.parametrize(
    ("told", "mean", "remark"),
    [
        ({}, 0.5, ""),
        ({"rescale_factor": 1 / 127.5}, 0.25, ""),
        ({"do_rescale": False}, 0.5 / 255, ""),
        ({"resample": 1}, 0.5, "filter lanczos there, which smalti has not: bicubic is taken"),
        ({"do_resize": False}, 0.5, "leaves pictures in their size; here they are made 32 x 32"),
    ],
)
def test_what_a_preprocessor_does_besides(told, mean, remark, tmp_path):
    made = published_model(folder_of(tmp_path, preprocessor=HALVES | told))
    rule = made.model.processor
    assert rule.mean == rule.std == (pytest.approx(mean, rel=1e-9),) * 3
    assert rule.interpolation == "bicubic"
    assert remark in " ".join(made.remarks[2:])
    assert len(made.remarks) == (3 if remark else 2)  # of the tensors and of the labels


def test_a_factor_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="rescale_factor = 'half'"):
        published_model(folder_of(tmp_path, preprocessor=HALVES | {"rescale_factor": "half"}))


def test_a_file_named_in_its_folder_is_what_the_folder_says(tmp_path):
    told = {"problem_type": "multi_label_classification", "id2label": {"0": "a", "1": "b", "2": "c"}}
    folder = folder_of(tmp_path / "theirs", preprocessor=HALVES, **told)
    made = published_model(folder / "model.safetensors")
    assert (made.model.task, made.model.labels) == ("multilabel", ("a", "b", "c"))
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    made = published_model(folder / "other.safetensors", preset="vit_nano_patch4_32")
    assert made.model.labels == ("class 0", "class 1", "class 2")


def test_a_model_file_needs_no_import(tmp_path):
    made = smalti.import_weights(folder_of(tmp_path / "theirs"), tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=r": is a model of smalti's already; use it as it is$"):
        published_model(made.path, preset="vit_nano_patch4_32")


def test_a_size_of_pictures_that_is_none_is_refused(tmp_path):
    told = {"size": {"longest_edge": 64}, "crop_size": 32}
    with pytest.raises(InputError, match="no size of pictures"):
        published_model(folder_of(tmp_path, preprocessor=told))


OWN = ("bamboo", "sat493m")  # data with a mean and deviation of its own


def test_the_assumed_mean_and_deviation_are_those_of_timm():
    tags = [tag for name in smalti.list_models() for tag in timm.list_pretrained(f"{name}.*")]
    assert len(tags) > 100
    for tag in (tag for tag in tags if not tag.endswith(OWN)):
        told = timm.get_pretrained_cfg(tag)
        google = tag.endswith("orig_in21k")  # without a head, the .npz alone is told from MAE's
        published = Published(Path("x"), {}, ours=google)
        found = find_normalisation(published, tag.split(".")[0], bool(told.num_classes), None, None, [])
        assert found == (pytest.approx(told.mean, abs=1e-3), pytest.approx(told.std, abs=1e-3)), tag


def test_a_folder_of_transformers_brings_labels_and_preprocessing(tmp_path):
    transformers = pytest.importorskip("transformers")
    size = {"image_size": 32, "patch_size": 16, "num_hidden_layers": 12, "hidden_size": 192, "num_attention_heads": 3}
    config = transformers.ViTConfig(
        **size, intermediate_size=768, layer_norm_eps=1e-6, id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1}
    )
    model = transformers.ViTForImageClassification(config).eval()
    folder = tmp_path / "hf"
    model.save_pretrained(folder)
    about = {"size": {"height": 32, "width": 32}, "image_mean": [0.4] * 3, "image_std": [0.2] * 3, "resample": 2}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    out = tmp_path / "m.safetensors"
    options = ["--preset", "vit_tiny_patch16_224", "--img-size", "32", "--out", str(out)]
    assert run(["import-weights", str(folder), *options]) == 0
    ready = smalti.load(out, device="cpu", precision="fp32")
    assert ready.labels == ("cat", "dog")
    assert (ready.preprocess.fit, ready.preprocess.interpolation) == ("squash", "bilinear")
    images = ready.preprocess([PICTURE])
    with torch.no_grad():
        torch.testing.assert_close(ready.module(images), model(images).logits, rtol=1e-4, atol=1e-5)


def index_of(state, tokens: int):
    """Where each pair of tokens has its bias, which the authors store."""
    names = [name for name in state if name.endswith("relative_position_bias_table")]
    return {name.replace("bias_table", "index"): torch.zeros(tokens, tokens, dtype=torch.long) for name in names}


def authors_swin(state):
    """Stages end with what timm's begin with; the masks of shifted windows are stored."""
    named = {
        name.replace("layers.1.downsample", "layers.0.downsample").replace("head.fc", "head"): tensor
        for name, tensor in state.items()
    }
    return {"model": named | index_of(state, 49) | {"layers.0.blocks.1.attn_mask": torch.zeros(4, 49, 49)}}


def mae(state):
    left = {"mask_token": (1, 1, 8), "decoder_pos_embed": (1, 5, 8), "decoder_blocks.0.norm1.weight": (8,)}
    return {"model": state | {name: torch.zeros(shape) for name, shape in left.items()}}


def dino(state):
    wrapped = {f"module.backbone.{name}": tensor for name, tensor in state.items()}
    taught = {f"backbone.{name}": tensor for name, tensor in state.items()} | {"head.mlp.0.weight": torch.zeros(2, 2)}
    return {"student": wrapped, "teacher": taught, "args": argparse.Namespace(lr=1.0)}


AUTHORS = {  # our preset, its small size, timm's arguments, the file as the authors wrap and name it
    "DeiT": ("deit_tiny_distilled_patch16_224", SMALL, {}, lambda state: {"model": state}),
    "BEiT": (
        "beit_base_patch16_224",
        SMALL,
        {},
        lambda state: {"model": state | index_of(state, 5), "optimizer": {"state": {}}},
    ),
    "BEiT before its fine-tuning": (
        "beit_base_patch16_224",
        SMALL,
        {"num_classes": 0, "global_pool": "token", "use_shared_rel_pos_bias": True, "use_rel_pos_bias": False},
        lambda state: {"model": state | {"mask_token": torch.zeros(1, 1, 24), "lm_head.weight": torch.zeros(50, 24)}},
    ),
    "Swin": ("swin_tiny_patch4_window7_224", STAGES, {}, authors_swin),
    "MAE": ("vit_base_patch16_224", SMALL, {"num_classes": 0}, mae),
    "DINO": ("vit_small_patch16_224", SMALL, {"num_classes": 0}, dino),
}


def there_and_back(model, tmp_path):
    """Out to each library that has such a class, and in again, are the same weights."""
    write_model(tmp_path / "m.safetensors", model)
    for kind in ("timm", "hf"):
        smalti.export(tmp_path / "m.safetensors", tmp_path / kind, format=kind)
        back = published_model(tmp_path / kind, preset=model.provenance["preset"], img_size=model.processor.img_size)
        assert back.model.labels == model.labels
        state = back.model.module.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in model.module.state_dict().items())


def unpickle_here(path, target):
    """As in a process of its own, which takes seconds to start."""
    with torch.serialization.safe_globals(PLAIN):
        save_file(tensors(torch.load(path)), target)


@pytest.mark.parametrize("kind", AUTHORS)
def test_a_pth_of_the_authors_answers_as_in_timm_and_goes_out_again(kind, tmp_path, monkeypatch):
    preset, options, told, wrapped = AUTHORS[kind]
    side = 56 if kind == "Swin" else 32
    torch.manual_seed(0)
    theirs = timm.create_model(preset, img_size=side, **{"num_classes": 3, **options, **told}).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    torch.save(wrapped(theirs.state_dict()), tmp_path / "theirs.pth")
    monkeypatch.setattr(reading, "unpickle", unpickle_here)
    model = published_model(tmp_path / "theirs.pth", preset=small(monkeypatch, preset, img_size=side, **options)).model
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(model.module(images), theirs(images), rtol=1e-4, atol=1e-5)
    if model.labels:
        there_and_back(model, tmp_path)


HF_SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96}
HF_STAGES = {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 4]}
FOLDERS = {  # class, its config, our preset
    "DeiT": ("DeiTForImageClassificationWithTeacher", HF_SMALL, "deit_tiny_distilled_patch16_224"),
    "BEiT": (
        "BeitForImageClassification",
        {**HF_SMALL, "use_relative_position_bias": True, "use_absolute_position_embeddings": False},
        "beit_base_patch16_224",
    ),
    "Swin": ("SwinForImageClassification", {**HF_STAGES, "window_size": 7}, "swin_tiny_patch4_window7_224"),
    "Swin V2": ("Swinv2ForImageClassification", {**HF_STAGES, "window_size": 8}, "swinv2_tiny_window8_256"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_of_transformers_answers_as_there_and_goes_out_again(kind, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    name, told, preset = FOLDERS[kind]
    side = {"Swin": 56, "Swin V2": 64}.get(kind, 32)
    windows = {"trained_windows": ()} if kind == "Swin V2" else {}
    small(monkeypatch, preset, **(STAGES if "Swin" in kind else SMALL), **windows)
    torch.manual_seed(0)
    cls = getattr(transformers, name)
    names = {"id2label": {0: "cat", 1: "dog", 2: "elk"}, "label2id": {"cat": 0, "dog": 1, "elk": 2}}
    theirs = cls(cls.config_class(**told, **names, image_size=side)).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    theirs.save_pretrained(tmp_path / "theirs")
    model = published_model(tmp_path / "theirs").model
    assert (model.provenance["preset"], model.labels) == (preset, ("cat", "dog", "elk"))
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(model.module(images), theirs(images).logits, rtol=1e-4, atol=1e-5)
    there_and_back(model, tmp_path)


def test_features_without_a_head_embed_and_do_not_predict(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    torch.save(
        {"model": {**model.state_dict(), "mask_token": torch.zeros(1), "decoder_embed.bias": torch.zeros(2)}},
        tmp_path / "mae.pth",
    )
    made = api.import_weights(tmp_path / "mae.pth", tmp_path / "m.safetensors", preset="vit_tiny_patch16_224")
    ready = smalti.load(made.path)
    assert ready.labels == ()
    assert ready.preprocess.mean == (0.485, 0.456, 0.406)
    assert ready.embed(PICTURE).shape == (1, 192)
    with pytest.raises(InputError, match=r"has no labels.*smalti train"):
        ready.predict(PICTURE)


def test_the_wrong_preset_is_refused_with_a_table(weights, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert run(["import-weights", str(weights), "--preset", "vit_small_patch16_224", "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert "blocks.0.attn.qkv.weight" in captured.out
    assert "576 x 192" in captured.out
    assert "1152 x 384" in captured.out
    assert captured.err.count("\n") == 1
    assert not out.exists()
    with pytest.raises(DifferenceError):
        smalti.import_weights(weights, out, preset="deit_tiny_distilled_patch16_224")


def test_weights_that_are_no_numbers_leave_what_stood_there(tmp_path):
    state = smalti.create_model("vit_nano_patch4_32", num_classes=3).state_dict()
    save_file({**state, "norm.weight": torch.full((64,), torch.nan)}, tmp_path / "nan.safetensors")
    out = tmp_path / "m.safetensors"
    out.write_text("keep")
    with pytest.raises(InputError, match=r"nan.safetensors: norm.weight holds numbers that are not finite"):
        smalti.import_weights(tmp_path / "nan.safetensors", out, preset="vit_nano_patch4_32")
    assert out.read_text() == "keep"


def test_that_nothing_can_be_written_is_said_before_anything_is_read(tmp_path):
    with pytest.raises(StorageError, match="could not be written"):
        smalti.import_weights(tmp_path / "none.pth", tmp_path / "none" / "m.safetensors", preset="vit_nano_patch4_32")


def test_names_of_tensors_do_not_reach_the_terminal_as_they_are(tmp_path, capsys):
    save_file({"a\x1b[31mred\n": torch.zeros(2)}, tmp_path / "a.safetensors")
    out = tmp_path / "m.safetensors"
    command = ["import-weights", str(tmp_path / "a.safetensors"), "--preset", "vit_nano_patch4_32", "--out", str(out)]
    assert run(command) == 2
    said = capsys.readouterr()
    assert r"a\x1b[31mred\n" in said.out
    assert "\x1b[31mred" not in said.out + said.err


def test_what_is_missing_is_said(weights, tmp_path):
    with pytest.raises(InputError, match="add --preset"):
        smalti.import_weights(weights, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="2 labels for 3 outputs"):
        smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", labels=["a", "b"])
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n\nc\n", encoding="utf-8-sig")  # as some editors save it
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", labels=names)
    assert read_model(made.path).labels == ("a", "b", "c")


def test_a_name_of_the_hub_is_fetched_when_asked_for_and_becomes_a_model_file(hub, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    command = ["import-weights", NAME, "--out", str(out)]
    assert run(command) == 2
    assert "--download" in capsys.readouterr().err
    assert not out.exists()
    assert run([*command, "--download"]) == 0
    assert run(command) == 0  # it is in the cache now
    model = smalti.load(out)
    assert model.labels == ("cat", "dog", "cow")
    assert (model.preprocess.mean[0], model.preprocess.crop_pct) == (0.4, 0.95)
    files = timm_files()
    assert model.provenance["weights"] == {
        "architecture": "vit_nano_patch4_32",
        "source": f"{NAME}@{COMMIT}",
        "checksum": hashlib.sha256(files["model.safetensors"]).hexdigest(),
    }
    (tmp_path / "plain").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "plain" / name).write_bytes(files[name])
    plain = smalti.import_weights(tmp_path / "plain", tmp_path / "plain.safetensors").model
    state = plain.module.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in read_model(out).module.state_dict().items())


def test_a_folder_goes_before_the_name(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub.keep(NAME, timm_files())
    folder = tmp_path / NAME
    folder.mkdir(parents=True)
    for name, content in timm_files(label_names=["a", "b", "c"]).items():
        (folder / name).write_bytes(content)
    assert smalti.import_weights(NAME, tmp_path / "m.safetensors").model.labels == ("a", "b", "c")


def test_a_model_nobody_here_knows_is_named(hub, tmp_path):
    hub.repositories["timm/other"] = timm_files(architecture="vit_nano_patch4_23")
    with pytest.raises(InputError, match="vit_nano_patch4_32"):
        smalti.import_weights("timm/other", tmp_path / "m.safetensors", download=True)


KINDS = {  # a model of transformers, small in depth only where a preset is
    "vit": (
        "ViT",
        {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768, "image_size": 48},
        "vit_tiny_",
    ),
    "dinov2": (
        "Dinov2",
        {"hidden_size": 384, "num_attention_heads": 6, "patch_size": 14, "image_size": 56},
        "vit_small_",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_tell_the_preset_by_the_sizes(kind, hub, tmp_path):
    transformers = pytest.importorskip("transformers")
    prefix, sizes, preset = KINDS[kind]
    config = getattr(transformers, f"{prefix}Config")(**sizes)
    theirs = getattr(transformers, f"{prefix}Model")(config, **({"add_pooling_layer": False} if kind == "vit" else {}))
    theirs.save_pretrained(tmp_path / "theirs")
    side = config.image_size
    about = {"size": {"shortest_edge": 64}, "crop_size": {"height": side, "width": side}, "do_center_crop": True}
    told = {**about, "image_mean": [0.4] * 3, "image_std": [0.2] * 3, "resample": 3}
    (tmp_path / "theirs" / "preprocessor_config.json").write_text(json.dumps(told))
    hub.keep(f"x/{kind}", {file.name: file.read_bytes() for file in (tmp_path / "theirs").iterdir()})
    model = smalti.import_weights(f"x/{kind}", tmp_path / "m.safetensors").model
    assert model.provenance["preset"].startswith(preset)
    assert model.processor.img_size == (side, side)
    assert (model.processor.crop_pct, model.processor.mean[0]) == (side / 64, 0.4)
    images = torch.randn(1, 3, side, side)
    with torch.no_grad():
        expected = theirs.eval()(images).last_hidden_state
        ours = model.module.forward_features(images)
    assert ((ours - expected).abs().max() / expected.abs().max()).item() < 1e-5


def test_the_tokenizer_of_a_text_model_is_told_by_its_kind(text_runs, tmp_path, capsys):
    smalti.export(text_runs["next-token"][1].model, tmp_path / "hf", format="hf")
    capsys.readouterr()
    assert run(["import-weights", str(tmp_path / "hf"), "--out", str(tmp_path / "m.safetensors"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tokenizer"] == "characters"
    assert "preprocess" not in told
