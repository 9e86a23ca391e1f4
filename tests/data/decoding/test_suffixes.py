"""The formats and their suffixes."""

import itertools

import pytest
from tests.data.decoding.stored import RGB, encoded

from smalti.data.decoding.decode import probe
from smalti.data.decoding.suffixes import FORMATS, PICTURE_SUFFIXES


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "ICO", "PCX"])
def test_the_format_tells_a_wrong_suffix(form: str) -> None:
    header = probe(encoded(RGB.resize((32, 32)), form))
    assert header.format == form
    assert set(FORMATS[header.format]) <= PICTURE_SUFFIXES
    assert all(not set(a) & set(b) for a, b in itertools.combinations(FORMATS.values(), 2))
