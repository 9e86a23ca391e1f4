"""The fast decoder of JPEG: the pixels of Pillow, and smaller ones where that is enough."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from tests.data.decoding.stored import encoded, planes

from smalti.data.decoding import jpeg
from smalti.data.decoding.decode import decode


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_is_what_pillow_reads_with_and_without_the_fast_decoder(mode, monkeypatch) -> None:
    raw = encoded(Image.fromarray(smooth(61, 90)).convert(mode), "JPEG", quality=90)
    expected = planes(Image.open(io.BytesIO(raw)).convert("RGB"))
    assert torch.equal(decode(raw, 3), expected)
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    assert torch.equal(decode(raw, 3), expected)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "pillow"])
@pytest.mark.parametrize(("wanted", "factor"), [(301, 1), (300, 2), (151, 2), (150, 4), (75, 8), (3, 8)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_comes_smaller_where_that_is_enough(wanted, factor, orientation, fast, monkeypatch) -> None:
    if not fast:
        monkeypatch.setattr(jpeg, "simplejpeg", None)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = smooth(600, 808)
    raw = encoded(Image.fromarray(pixels), "JPEG", quality=95, exif=exif)
    asked = []

    def target(height: int, width: int) -> tuple[int, int]:
        asked.append((height, width))
        return wanted, wanted

    found = decode(raw, 3, target=target)
    size = (600 // factor, 808 // factor)
    assert asked == [(600, 808) if orientation == 1 else (808, 600)]  # the upright size
    assert found.shape[1:] == (size if orientation == 1 else size[::-1])
    assert min(found.shape[1:]) >= min(wanted, 600)
    whole = decode(raw, 3).float()
    blurred = F.interpolate(whole[None], found.shape[1:], mode="area")[0]
    assert (blurred - found).abs().mean() < 1.5  # of 255, on a picture with edges


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """Waves, an edge and a little noise: what photographs are made of. uint8 (H, W, 3)."""
    y, x = np.mgrid[:height, :width] / 40
    waves = 127 + 90 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], -1)
    waves[:, width // 3 :] *= 0.6
    return (waves + np.random.default_rng(0).normal(0, 3, waves.shape)).clip(0, 255).astype(np.uint8)
