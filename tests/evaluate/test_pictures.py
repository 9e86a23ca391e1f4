import base64
import io

import numpy as np
import pytest
from PIL import Image

from smalti.evaluate.pictures import inline_picture


def stored(picture):
    shown = inline_picture(picture)
    head, data = shown.uri.split(",")
    return shown, head, np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize("shape", [(8, 8), (32, 20, 3), (1, 64, 3)])
def test_small_pictures_are_kept_pixel_for_pixel(shape):
    picture = np.random.default_rng(0).integers(256, size=shape).astype(np.uint8)
    shown, head, pixels = stored(picture)
    np.testing.assert_array_equal(pixels, picture)
    assert head == "data:image/png;base64"
    assert shown.tiny
    assert (shown.height, shown.width) == shape[:2]


@pytest.mark.parametrize(("channels", "kept"), [(1, 1), (2, 1), (4, 3), (13, 3)])
def test_any_number_of_channels(channels, kept):
    picture = np.random.default_rng(0).integers(256, size=(9, 7, channels)).astype(np.uint8)
    np.testing.assert_array_equal(stored(picture)[2].reshape(9, 7, kept), picture[..., :kept])


def test_photographs_shrink_and_stay_true():
    y, x = np.mgrid[:600, :900]
    picture = np.stack([x / 900 * 255, y / 600 * 255, np.full_like(x, 90)], -1).astype(np.uint8)
    shown, _, pixels = stored(picture)
    assert (shown.width, shown.tiny) == (160, False)
    assert abs(shown.height - 160 * 2 / 3) <= 1
    assert len(shown.uri) < 20_000
    np.testing.assert_allclose(pixels[50, 80], picture[281, 452], atol=8)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_refused(bad):
    with pytest.raises(ValueError, match="uint8"):
        inline_picture(bad)
