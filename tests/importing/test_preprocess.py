"""The pixels of imported weights: those that the publisher's own code makes of a picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smalti.data.preprocess import Preprocess
from smalti.importing.preprocess import find_preprocess, fit_of_timm
from smalti.importing.translated import Wanted
from smalti.models import preset_config
from smalti.weights import Published

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
