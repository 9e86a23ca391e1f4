"""Values of any type and depth are scaled by white; arrays that are no picture are refused."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from tests.data.decoding.stored import encoded

from smalti.data.decoding.decode import decode, examine, probe
from smalti.errors import InputError


@pytest.mark.parametrize("white", [65535.0, 4095.0])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(form: str, white: float) -> None:
    values = np.asarray([[0, 1, 128, 255], [256, 4095, 32768, 65535]], np.uint16)
    raw = encoded(Image.fromarray(values), form)
    expected = np.rint(np.minimum(values / white, 1) * 255).astype(np.uint8)
    assert np.array_equal(decode(raw, 1, white=white)[0].numpy(), expected)
    assert np.array_equal(decode(values, 1, white=white)[0].numpy(), expected)
    assert probe(raw).bits == 16


def test_big_endian_sixteen_bits() -> None:
    values = np.asarray([[0, 257, 65535]], ">u2")
    strip = values.tobytes()
    tags = [
        (256, 3, 3),
        (257, 3, 1),
        (258, 3, 16),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (279, 4, len(strip)),
    ]
    data = strip.ljust(8, b"\0")
    rows = b"".join(
        struct.pack(">HHII", tag, kind, 1, value << 16 if kind == 3 else value) for tag, kind, value in tags
    )
    raw = b"MM\0*" + struct.pack(">I", 16) + data + struct.pack(">H", len(tags)) + rows + b"\0\0\0\0"
    assert probe(raw).mode == "I;16B"
    assert decode(raw, 1)[0].tolist() == [[0, 1, 255]]


def test_a_sixteen_bit_pgm_is_scaled() -> None:
    raw = b"P5 3 1 65535\n" + struct.pack(">3H", 0, 32768, 65535)
    assert decode(raw, 1)[0].tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_thirty_two_bits_are_scaled_by_white(dtype: type) -> None:
    values = np.asarray([[-5, 0, 50, 100, 200]], dtype)
    raw = encoded(Image.fromarray(values), "TIFF")
    for stored in (raw, values):
        assert decode(stored, 1, white=100.0)[0].tolist() == [[0, 0, 128, 255, 255]]
        assert examine(stored)[1].tolist() == [values.tolist()]
    assert probe(raw).bits == 32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_pixels_are_refused(bad: float) -> None:
    values = np.ones((2, 2), np.float32)
    values[1, 0] = bad
    for stored in (values, encoded(Image.fromarray(values), "TIFF")):
        with pytest.raises(InputError, match="1 of 4 pixel values are NaN or infinite"):
            decode(stored, 1)
        with pytest.raises(InputError, match="NaN"):
            examine(stored)


@settings(max_examples=50)
@given(hnp.arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_scaling_keeps_the_order_of_values(pixels: np.ndarray) -> None:
    found = decode(pixels, 1)[0].numpy().ravel()[np.argsort(pixels.ravel())]
    assert (np.diff(found.astype(int)) >= 0).all()


def test_bool_arrays_are_black_and_white() -> None:
    assert decode(np.asarray([[False, True]]), 1)[0].tolist() == [[0, 255]]


@pytest.mark.parametrize("shape", [(3,), (0, 4), (4, 0), (2, 2, 2, 2), (2, 2, 0)])
def test_arrays_that_are_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shape"):
        decode(np.zeros(shape, np.uint8), 1)
    with pytest.raises(InputError, match="shape"):
        probe(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_arrays_of_other_things(dtype: object) -> None:
    with pytest.raises(InputError, match="pixels of type"):
        decode(np.zeros((2, 2), dtype), 1)
