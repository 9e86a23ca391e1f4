"""How a picture is fitted: sizes, what is kept, and what torch's kernels get wrong at the edge."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from smalti.data import preprocess
from smalti.data.preprocess import Preprocess, _scale, before_crop, resize, scaled_size
from smalti.errors import InputError

RULE = Preprocess((12, 16), 3, (0.5,) * 3, (0.25,) * 3)


def noise(height: int, width: int, channels: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (channels, height, width), dtype=np.uint8))


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize("size", [(12, 16), (1, 1), (300, 2), (2, 300), (40, 30), (13, 16)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "nearest"])
def test_every_picture_gets_the_size_of_the_input(fit: str, size: tuple[int, int], interpolation: str):
    found = resize(noise(*size), replace(RULE, fit=fit, interpolation=interpolation))
    assert found.shape == (3, 12, 16)
    assert found.dtype == torch.uint8


def test_a_picture_of_the_right_size_is_left_alone():
    assert torch.equal(resize(noise(12, 16), RULE), noise(12, 16))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
def test_a_strip_of_one_pixel_is_scaled_rightly(channels: int, mode: str):
    """torch's kernel for bytes is off by up to 255 there, and fails for a single pixel."""
    rule = Preprocess((8, 8), channels, (0.0,) * channels, (1.0,) * channels, fit="pad", interpolation=mode)  # type: ignore[arg-type]
    strip = noise(40, 2, channels)
    expected = F.interpolate(strip[None].float(), (8, 1), mode=mode, antialias=True)[0].round().clamp(0, 255)
    assert torch.equal(resize(strip, rule)[:, :, 3:4].float(), expected)
    point = resize(noise(5, 7, channels), replace(rule, img_size=(1, 1)))
    assert point.shape == (channels, 1, 1)


@pytest.mark.parametrize("turned", [False, True])
def test_of_a_long_thin_picture_only_the_middle_is_scaled(turned: bool, monkeypatch: pytest.MonkeyPatch):
    rule, sizes = Preprocess((8, 8), 3, (0.5,) * 3, (0.25,) * 3, fit="crop"), []
    picture = noise(2, 801) if turned else noise(801, 2)
    whole = F.interpolate(picture[None], scaled_size(*picture.shape[-2:], rule=rule), mode="bicubic", antialias=True)[0]
    expected = whole[:, :, 1598:1606] if turned else whole[:, 1598:1606]
    monkeypatch.setattr(preprocess, "_scale", lambda x, size, how: (sizes.append(size), _scale(x, size, how))[1])
    assert torch.equal(resize(picture, rule), expected)
    assert max(sizes[0]) < 300


@pytest.mark.parametrize("crop_pct", [0.9, 0.875, 1.0])
@pytest.mark.parametrize(("mode", "fit"), [("center", "crop"), ("squash", "squash"), ("border", "pad")])
@pytest.mark.parametrize("size", [(224, 224), (96, 128)])
def test_pixels_are_those_of_timm(crop_pct: float, mode: str, fit: str, size: tuple[int, int]):
    """A row more or less would differ by more than the rounding to bytes."""
    create_transform = pytest.importorskip("timm.data").create_transform
    half = (0.5, 0.5, 0.5)
    about = {"interpolation": "bicubic", "crop_pct": crop_pct, "crop_mode": mode, "mean": half, "std": half}
    rule = Preprocess(size, 3, half, half, fit=fit, crop_pct=crop_pct)  # type: ignore[arg-type]
    for height, width in ((427, 640), (331, 250)):
        y, x = np.mgrid[0:height, 0:width]
        waves = [127 + 120 * np.sin(x / 5), 127 + 120 * np.cos(y / 4), 127 + 120 * np.sin((x + y) / 7)]
        picture = np.stack(waves, -1).astype(np.uint8)
        expected = create_transform((3, *size), **about)(Image.fromarray(picture))
        assert (rule([picture])[0] - expected).abs().max() * 127.5 < 1.5


@pytest.mark.parametrize("part", [224 / 248, 0.875, 224 / 236, 0.9])
def test_a_share_of_pixels_is_whole(part: float):
    assert before_crop(224, part) == {224 / 248: 248, 0.875: 256, 224 / 236: 236, 0.9: 248}[part]


@pytest.mark.parametrize(("rounding", "first"), [("even", 2), ("down", 1)])
def test_half_a_pixel_is_rounded_as_the_rule_says(rounding: str, first: int):
    rule = replace(RULE, img_size=(4, 4), fit="squash", crop_pct=4 / 7, crop_rounding=rounding)  # type: ignore[arg-type]
    picture = noise(7, 7)
    assert torch.equal(resize(picture, rule), picture[:, first : first + 4, first : first + 4])


def test_padding_is_the_mean_and_becomes_zero():
    found = RULE.normalize(resize(noise(12, 4), replace(RULE, fit="pad"))[None])
    assert found[..., :6].abs().max() < 0.01
    assert found[..., 10:].abs().max() < 0.01
    assert found[..., 6:10].abs().max() > 1


def test_what_the_rule_calls_white_is_loaded_as_white():
    rule = Preprocess((4, 4), 1, (0.0,), (1.0,), white=4095.0)
    assert (rule.load(np.full((4, 4), 4095, np.uint16)) == 255).all()


def test_it_comes_back_from_plain_data():
    rule = replace(RULE, fit="crop", crop_pct=0.9, white=4095.0)
    assert Preprocess.from_dict(rule.to_dict()) == rule
    with pytest.raises(InputError, match="colour"):
        Preprocess.from_dict({**rule.to_dict(), "colour": 1})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"img_size": (0, 8)}, "preprocess.img_size"),
        ({"in_chans": 1}, "set preprocess.in_chans, preprocess.mean and preprocess.std together"),
        ({"std": (0.0, 1.0, 1.0)}, "preprocess.std"),
        ({"crop_pct": 1.5}, "preprocess.crop_pct"),
        ({"white": 0.0}, "preprocess.white"),
    ],
)
def test_impossible_rules_are_refused(change: dict, says: str):
    with pytest.raises(InputError, match=says):
        replace(RULE, **change)
