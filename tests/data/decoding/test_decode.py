"""Stored pictures and arrays to pixels, what is known of them before, and every damage."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from tests.data.decoding.stored import RGB, H, W, encoded, noise, planes

from smalti.data.decoding.decode import decode, probe
from smalti.errors import InputError


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_pictures_are_what_pillow_reads(form: str, mode: str) -> None:
    raw = encoded(RGB.convert(mode), form)
    image = Image.open(io.BytesIO(raw))
    assert torch.equal(decode(raw, 3), planes(image.convert("RGB")))
    assert torch.equal(decode(raw, 1), planes(image.convert("L")))
    found = decode(raw, 3)
    assert found.dtype == torch.uint8
    assert found.permute(1, 2, 0).is_contiguous()
    found.fill_(0)  # writable, without a warning


@settings(max_examples=50)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_grey_arrays_stay_as_they_are(pixels: np.ndarray) -> None:
    assert np.array_equal(decode(pixels, 1)[0].numpy(), pixels)
    assert np.array_equal(decode(encoded(Image.fromarray(pixels)), 1)[0].numpy(), pixels)


def test_an_array_is_not_changed_by_what_is_done_to_the_result() -> None:
    pixels = noise(H, W)
    before = pixels.copy()
    decode(pixels, 1).fill_(9)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_headers_count_native_channels(mode: str) -> None:
    image = Image.fromarray(noise(H, W, dtype=np.uint16)) if mode == "I;16" else RGB.convert(mode)
    raw = encoded(image, "TIFF")
    header = probe(raw)
    assert (header.height, header.width, header.mode, header.format) == (H, W, mode, "TIFF")
    assert header.bands == (3 if mode in ("RGB", "RGBA", "CMYK") else 1)


def test_probe_does_not_read_pixels() -> None:
    raw = encoded(Image.fromarray(noise(64, 64, 3)))
    assert (probe(raw[: len(raw) // 2]).height, probe(raw[: len(raw) // 2]).width) == (64, 64)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_short_names_the_cause(form: str, share: float) -> None:
    raw = encoded(Image.fromarray(noise(64, 64, 3)), form)
    with pytest.raises(InputError) as caught:
        decode(raw[: int(len(raw) * share)], 3)
    assert caught.value.why or "cut short" in caught.value.what
    assert caught.value.mend


@settings(max_examples=150)
@given(st.binary(max_size=64), st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"]), st.integers(0, 400))
def test_damage_gives_a_picture_or_one_clear_error(damage: bytes, form: str, at: int) -> None:
    raw = bytearray(encoded(RGB, form))
    raw[at % len(raw) : at % len(raw) + len(damage)] = damage
    try:
        found = decode(bytes(raw), 3, max_pixels=10_000)
    except InputError as error:
        line = str(error)
    else:
        line = ""
        assert found.dtype == torch.uint8
    assert "\n" not in line
