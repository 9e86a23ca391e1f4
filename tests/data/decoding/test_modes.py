"""Every mode of Pillow's: palettes, CMYK and LAB as RGB; what can be seen through over white."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.decoding.stored import GREY, RGB, RGBA, H, W, encoded, noise, planes

from smalti.data.decoding.decode import decode, probe


def over_white(rgba: Image.Image) -> np.ndarray:
    """Alpha composited over white by the formula, in real numbers (H, W, 3)."""
    pixels = np.asarray(rgba).astype(float)
    alpha = pixels[..., 3:] / 255
    return pixels[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize(
    ("image", "form"),
    [
        (GREY.convert("1"), "PNG"),
        (RGB.quantize(16), "PNG"),
        (RGB.quantize(16), "GIF"),
        (RGB.convert("CMYK"), "JPEG"),
        (RGB.convert("CMYK"), "TIFF"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.mode,
)
def test_other_colour_modes_become_rgb(image: Image.Image, form: str) -> None:
    raw = encoded(image, form)
    rgb = Image.open(io.BytesIO(raw)).convert("RGB")
    assert torch.equal(decode(raw, 3), planes(rgb))
    assert torch.equal(decode(raw, 1), planes(rgb.convert("L")))


def test_lab_becomes_rgb_by_its_meaning() -> None:
    lab = Image.frombytes("LAB", (2, 1), bytes([255, 0, 0, 0, 0, 0]))  # L* = 100 is white, L* = 0 is black
    found = decode(encoded(lab, "TIFF"), 3)
    assert found[:, 0, 0].min() >= 250
    assert found[:, 0, 1].max() <= 5


@pytest.mark.parametrize("source", ["RGBA", "LA", "P", "PA"])
def test_alpha_is_composited_over_white(source: str) -> None:
    if source == "P":  # a transparency for each palette entry
        palette = RGB.quantize(16)
        raw = encoded(palette, transparency=bytes(range(0, 256, 16)))
        expected = over_white(Image.open(io.BytesIO(raw)).convert("RGBA"))
    elif source == "PA":
        image = RGB.quantize(16).convert("PA")
        image.putalpha(Image.fromarray(noise(H, W)))
        raw = encoded(image, "TIFF")
        assert Image.open(io.BytesIO(raw)).mode == "PA"
        expected = over_white(image.convert("RGBA"))
    else:
        raw = encoded(RGBA.convert(source))
        expected = over_white(RGBA.convert(source).convert("RGBA"))
    found = decode(raw, 3).permute(1, 2, 0).numpy().astype(float)
    assert np.abs(found - expected).max() <= 1.0


def test_fully_transparent_is_white_and_opaque_is_itself() -> None:
    pixels = noise(H, W, 4)
    pixels[..., 3] = 0
    assert (decode(encoded(Image.fromarray(pixels)), 3) == 255).all()
    pixels[..., 3] = 255
    assert torch.equal(
        decode(encoded(Image.fromarray(pixels)), 3), torch.from_numpy(pixels[..., :3].transpose(2, 0, 1))
    )


def test_a_colour_key_is_transparent() -> None:
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 0] = (10, 20, 30)
    found = decode(encoded(Image.fromarray(pixels), transparency=(10, 20, 30)), 3)
    assert found[:, 0, 0].tolist() == [255, 255, 255]
    assert found[:, 0, 1].tolist() == [0, 0, 0]


def test_a_grey_key_of_sixteen_bits_is_transparent() -> None:
    raw = encoded(Image.fromarray(np.asarray([[500, 501]], np.uint16)), transparency=500)
    assert decode(raw, 1)[0].tolist() == [[255, 2]]


def test_a_palette_is_grey_where_all_its_entries_are() -> None:
    grey, colour = GREY.quantize(8), RGB.quantize(8)
    assert probe(encoded(grey)).bands == 1
    assert probe(encoded(colour)).bands == 3
