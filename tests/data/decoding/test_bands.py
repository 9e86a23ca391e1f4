"""One count of channels as another: grey repeated, colour as its luma, the rest refused."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.decoding.stored import GREY, RGB, RGBA, H, W, encoded, noise, planes

from smalti.data.decoding.decode import decode, probe
from smalti.errors import InputError


def test_grey_repeats_into_three_equal_channels() -> None:
    found = decode(encoded(GREY), 3)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[:1], decode(encoded(GREY), 1))


def test_four_channels_keep_the_alpha_of_rgba() -> None:
    assert torch.equal(decode(encoded(RGBA), 4), planes(RGBA))
    with pytest.raises(InputError, match="3 channels where 4 are expected"):
        decode(encoded(RGB), 4)
    with pytest.raises(InputError, match="1 channel and transparency where 2 are expected"):
        decode(encoded(RGBA.convert("LA")), 2)


def test_colour_arrays_become_grey_by_pillows_luma() -> None:
    pixels = noise(H, W, 3)
    assert torch.equal(decode(pixels, 1), planes(Image.fromarray(pixels).convert("L")))
    r, g, b = pixels.astype(int).transpose(2, 0, 1)
    assert np.array_equal(decode(pixels, 1)[0].numpy(), (19595 * r + 38470 * g + 7471 * b + 32768) >> 16)


def test_arrays_of_any_channel_count_pass_through_or_are_refused() -> None:
    pixels = noise(H, W, 7)
    assert torch.equal(decode(pixels, 7), torch.from_numpy(pixels.transpose(2, 0, 1).copy()))
    assert probe(pixels).bands == 7
    for wanted in (1, 3, 4):
        with pytest.raises(InputError, match=f"7 channels where {wanted} are expected"):
            decode(pixels, wanted)
