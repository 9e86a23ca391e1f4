"""Pictures that are too large are refused before they are read."""

import pytest
from tests.data.decoding.stored import RGB, H, W, encoded, noise, png_of_size

from smalti.data.decoding.decode import decode, probe
from smalti.errors import InputError


@pytest.mark.parametrize("size", [(7072, 7072), (10_000, 10_000), (60_000, 60_000)])
def test_too_many_pixels_are_refused_from_the_header(size: tuple[int, int]) -> None:
    for action in (lambda raw: decode(raw, 3), probe):
        with pytest.raises(InputError, match=r"too large.*50 million are read"):
            action(png_of_size(*size))


def test_the_limit_is_an_argument() -> None:
    with pytest.raises(InputError, match="too large, 5 x 7"):
        decode(encoded(RGB), 3, max_pixels=H * W - 1)
    with pytest.raises(InputError, match="too large"):
        decode(noise(H, W), 1, max_pixels=H * W - 1)
    assert decode(encoded(RGB), 3, max_pixels=H * W).shape == (3, H, W)
