"""What Pillow is asked for, and what stays as it was: warnings, filters, switches."""

import warnings

import pytest
import torch
from PIL import Image, ImageFile
from tests.data.decoding.stored import RGB, H, W, encoded, planes, png_of_size

from smalti.data.decoding.decode import decode
from smalti.errors import InputError


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_frame_of_many(form: str) -> None:
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    raw = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert torch.equal(decode(raw, 3), planes(frames[0]))


def test_no_warning_leaves_and_no_filter_stays() -> None:
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        inside = list(warnings.filters)
        decode(encoded(RGB.quantize(16), transparency=bytes(16)), 3)
        with pytest.raises(InputError):
            decode(png_of_size(9_500, 9_500), 3)  # Pillow warns of a bomb here
        assert warnings.filters == inside
    assert not seen
    assert warnings.filters == before


def test_pillows_truncated_switch_is_left_alone() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
