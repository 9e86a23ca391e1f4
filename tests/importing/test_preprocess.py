"""The pixels of imported weights: those that the publisher's own code makes of a picture, or that are asked for."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.importing.small import HALVES, SMALL, folder_of, small

import smalti
from smalti.data.preprocess import Preprocess
from smalti.embed import resize_positions
from smalti.errors import InputError
from smalti.importing import published_model
from smalti.importing.preprocess import find_normalisation, find_preprocess, fit_of_timm
from smalti.importing.translated import Wanted
from smalti.models import preset_config
from smalti.weights import HUGGINGFACE, Published

ODD = [(61, 40), (40, 61), (57, 83), (33, 33), (90, 37), (45, 44), (32, 35), (41, 96)]  # height, width
KINDS = {  # what a preprocessor is of: the model_type, our preset, what its file says; margins of 7 or 27 pixels
    "ViT": ("vit", "vit_tiny_patch16_224", {"size": {"height": 32, "width": 32}}),
    "ViT, silent": ("vit", "vit_tiny_patch16_224", {"size": 32}),
    "DeiT": (
        "deit",
        "deit_tiny_distilled_patch16_224",
        {"size": {"height": 39, "width": 39}, "crop_size": {"height": 32, "width": 32}, "resample": 3},
    ),
    "Beit": ("beit", "beit_base_patch16_224", {"size": {"height": 32, "width": 32}, "do_center_crop": False}),
    "Swin": ("swin", "swin_tiny_patch4_window7_224", {"size": {"height": 32, "width": 32}, "resample": 3}),
    "DINOv2": ("dinov2", "vit_small_patch14_dinov2", {"size": {"shortest_edge": 35}, "crop_size": 28}),
    "DINOv2, large margins": (
        "dinov2",
        "vit_small_patch14_dinov2",
        {"size": {"shortest_edge": 55}, "crop_size": {"height": 28, "width": 28}, "do_center_crop": True},
    ),
}


def picture_of(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / 3), 127 + 120 * np.cos(y / 2), 127 + 120 * np.sin((x + y) / 4)]
    return np.stack(waves, -1).astype(np.uint8)


def rule_of(kind: str, told: dict[str, Any], remarks: list[str]) -> Preprocess:
    model_type, preset, _ = KINDS[kind]
    published = Published(Path("x"), {}, {"model_type": model_type}, told)
    side = 28 if model_type == "dinov2" else 32
    config = preset_config(preset, img_size=side)[1]
    return find_preprocess(published, preset, "transformers", config, Wanted(), remarks)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_transformers(kind, tmp_path):
    """A row more or less would differ by far more than the rounding to bytes."""
    transformers = pytest.importorskip("transformers")
    model_type, _, told = KINDS[kind]
    told = {**told, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    theirs = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    remarks: list[str] = []
    rule = rule_of(kind, json.loads((tmp_path / "preprocessor_config.json").read_text()), remarks)
    assert remarks == []
    for height, width in ODD:
        picture = picture_of(height, width)
        expected = theirs(Image.fromarray(picture), return_tensors="pt")["pixel_values"]
        assert (rule([picture]) - expected).abs().max() * 127.5 < 1.01, (height, width)


@pytest.mark.parametrize("name", ["ViT", "DeiT", "Beit", "Bit"])
def test_what_a_preprocessor_does_not_say_its_class_does(name, tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs = getattr(transformers, f"{name}ImageProcessor")()
    told = {"image_processor_type": f"{name}ImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    published = Published(Path("x"), {}, {}, told)
    config = preset_config("vit_tiny_patch16_224")[1]
    rule = find_preprocess(published, "vit_tiny_patch16_224", "transformers", config, Wanted(), [])
    picture = picture_of(301, 260)
    images = theirs(Image.fromarray(picture), image_mean=[0.5] * 3, image_std=[0.5] * 3, return_tensors="pt")
    assert (rule([picture]) - images["pixel_values"]).abs().max() * 127.5 < 1.01


@pytest.mark.parametrize(
    "told",
    [
        {"size": {"shortest_edge": 48}, "crop_size": {"height": 28, "width": 42}, "do_center_crop": True},
        {"size": 28, "crop_size": 42, "do_center_crop": True},
    ],
)
def test_that_pictures_are_cut_to_another_shape_is_said(told):
    remarks: list[str] = []
    rule_of("DINOv2", {**told, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}, remarks)
    assert remarks == ["what is seen of pictures may differ: its preprocessor cuts them to another shape"]


@pytest.mark.parametrize(
    ("told", "fit", "share", "said"),
    [
        ({}, "crop", 0.9, "the middle 0.9 of the short side, bicubic"),
        ({"crop_mode": "squash"}, "squash", 0.9, "the middle 0.9 of both sides, bicubic"),
        ({"crop_mode": "border"}, "pad", 0.9, "the middle 0.9 of the long side, with a border, bicubic"),
        ({"crop_mode": "squash", "crop_pct": 1.0}, "squash", 1.0, ""),
        ({"crop_mode": "border", "crop_pct": 0.875}, "pad", 0.875, ""),
    ],
)
def test_what_timm_sees_of_pictures_is_told_in_its_words(told, fit, share, said):
    remarks: list[str] = []
    config = preset_config("vit_tiny_patch16_224")[1]
    found = fit_of_timm(Published(Path("x"), {}, {"pretrained_cfg": told}), config, None, remarks)
    assert (found["fit"], found["crop_pct"]) == (fit, pytest.approx(share))
    assert remarks == ([f"what is seen of pictures is taken to be {said}"] if said else [])


def small_dinov2(cut, monkeypatch, folder):
    """A DINOv2 published at 56, in a folder whose preprocessor cuts pictures to another size."""
    module = smalti.create_model(small(monkeypatch, "vit_small_patch14_dinov2", **SMALL), img_size=56)
    save_file(HUGGINGFACE["dinov2"].to_theirs(module.state_dict()), folder / "model.safetensors")
    told = {"model_type": "dinov2", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3}
    (folder / "config.json").write_text(json.dumps({**told, "patch_size": 14, "image_size": 56}))
    about = {"size": {"shortest_edge": 64}, "crop_size": {"height": cut[0], "width": cut[1]}, "do_center_crop": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return module


@pytest.mark.parametrize("asked", [None, 70])
def test_a_dinov2_takes_pictures_as_its_preprocessor_makes_them(asked, monkeypatch, tmp_path):
    module = small_dinov2((28, 42), monkeypatch, tmp_path)
    size = (asked, asked) if asked else (28, 42)
    model = published_model(tmp_path, img_size=asked).model
    assert model.processor.img_size == size
    grid = size[0] // 14, size[1] // 14
    expected = resize_positions(module.pos_embed, (4, 4), grid, num_prefix_tokens=1, antialias=False)
    assert torch.equal(model.module.pos_embed, expected)


def test_a_dinov2_whose_patches_do_not_fill_its_pictures_is_refused_until_a_size_is_named(monkeypatch, tmp_path):
    small_dinov2((32, 32), monkeypatch, tmp_path)
    seen = "pictures are 32 x 32 there, of which patches of 14 see the upper left 28 x 28; add --img-size 28"
    with pytest.raises(InputError, match=seen):
        published_model(tmp_path)
    assert published_model(tmp_path, img_size=28).model.processor.img_size == (28, 28)


def test_mean_and_deviation_are_a_value_a_channel_or_one_for_all(weights, tmp_path):
    out, preset = tmp_path / "m.safetensors", "vit_tiny_patch16_224"
    for chans, mean in (3, (0.1, 0.2)), (3, (0.1, 0.2, 0.3, 0.4)), (1, (0.1, 0.2, 0.3)):
        with pytest.raises(InputError, match=f"{len(mean)} values of mean do not fit {chans} channels"):
            smalti.import_weights(weights, out, preset=preset, in_chans=chans, mean=mean)
    with pytest.raises(InputError, match="2 values of std"):
        smalti.import_weights(weights, out, preset=preset, std=(0.1, 0.2))
    rule = smalti.import_weights(weights, out, preset=preset, mean=(0.1,), std=(0.2, 0.3, 0.4)).model.processor
    assert (rule.mean, rule.std) == ((0.1,) * 3, (0.2, 0.3, 0.4))


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


def test_a_size_of_pictures_that_is_none_is_refused(tmp_path):
    told = {"size": {"longest_edge": 64}, "crop_size": 32}
    with pytest.raises(InputError, match="no size of pictures"):
        published_model(folder_of(tmp_path, preprocessor=told))


OWN = ("bamboo", "sat493m")  # data with a mean and deviation of its own


def test_the_assumed_mean_and_deviation_are_those_of_timm():
    timm = pytest.importorskip("timm")
    tags = [tag for name in smalti.list_models() for tag in timm.list_pretrained(f"{name}.*")]
    assert len(tags) > 100
    for tag in (tag for tag in tags if not tag.endswith(OWN)):
        told = timm.get_pretrained_cfg(tag)
        google = tag.endswith("orig_in21k")  # without a head, the .npz alone is told from MAE's
        published = Published(Path("x"), {}, ours=google)
        found = find_normalisation(published, tag.split(".")[0], "timm", bool(told.num_classes), Wanted(), [])
        assert found == (pytest.approx(told.mean, abs=1e-3), pytest.approx(told.std, abs=1e-3)), tag
