"""Every mode, depth and damage of a stored picture, against Pillow and against arithmetic."""

import io
import itertools
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from smalti.data.decoding import jpeg
from smalti.data.decoding.decode import decode, examine, probe
from smalti.data.decoding.suffixes import FORMATS, PICTURE_SUFFIXES
from smalti.errors import InputError

H, W = 5, 7


def noise(*shape: int, dtype: type = np.uint8, top: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(0, top, shape).astype(dtype)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def planes(image: Image.Image) -> torch.Tensor:
    """What Pillow itself has, as (C, H, W)."""
    pixels = np.array(image)
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1).copy())


RGB = Image.fromarray(noise(H, W, 3))
RGBA = Image.fromarray(noise(H, W, 4))
GREY = Image.fromarray(noise(H, W))


def over_white(rgba: Image.Image) -> np.ndarray:
    """Alpha composited over white by the formula, in real numbers (H, W, 3)."""
    pixels = np.asarray(rgba).astype(float)
    alpha = pixels[..., 3:] / 255
    return pixels[..., :3] * alpha + 255 * (1 - alpha)


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


def test_grey_repeats_into_three_equal_channels() -> None:
    found = decode(encoded(GREY), 3)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[:1], decode(encoded(GREY), 1))


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


def test_four_channels_keep_the_alpha_of_rgba() -> None:
    assert torch.equal(decode(encoded(RGBA), 4), planes(RGBA))
    with pytest.raises(InputError, match="3 channels where 4 are expected"):
        decode(encoded(RGB), 4)
    with pytest.raises(InputError, match="1 channel and transparency where 2 are expected"):
        decode(encoded(RGBA.convert("LA")), 2)


# --- depth


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


# --- arrays


@settings(max_examples=50)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_grey_arrays_stay_as_they_are(pixels: np.ndarray) -> None:
    assert np.array_equal(decode(pixels, 1)[0].numpy(), pixels)
    assert np.array_equal(decode(encoded(Image.fromarray(pixels)), 1)[0].numpy(), pixels)


@settings(max_examples=50)
@given(hnp.arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_scaling_keeps_the_order_of_values(pixels: np.ndarray) -> None:
    found = decode(pixels, 1)[0].numpy().ravel()[np.argsort(pixels.ravel())]
    assert (np.diff(found.astype(int)) >= 0).all()


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


def test_bool_arrays_are_black_and_white() -> None:
    assert decode(np.asarray([[False, True]]), 1)[0].tolist() == [[0, 255]]


def test_an_array_is_not_changed_by_what_is_done_to_the_result() -> None:
    pixels = noise(H, W)
    before = pixels.copy()
    decode(pixels, 1).fill_(9)
    assert np.array_equal(pixels, before)


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


# --- orientation and frames


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    raw = encoded(RGB, form, exif=exif, **options)
    stored = Image.open(io.BytesIO(encoded(RGB, form, **options)))
    stored.getexif()[0x0112] = orientation
    expected = planes(ImageOps.exif_transpose(stored).convert("RGB"))
    assert torch.equal(decode(raw, 3), expected)
    header = probe(raw)
    assert (header.height, header.width) == tuple(expected.shape[1:]) == ((W, H) if orientation >= 5 else (H, W))


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


def test_png_exif_after_the_pixels_counts_too() -> None:
    raw = encoded(RGB)
    exif = b"Exif\0\0"[6:] + b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    turned = raw[:-12] + chunk + raw[-12:]
    assert decode(turned, 3).shape == (3, W, H)
    assert (probe(turned).height, probe(turned).width) == (W, H)


@pytest.mark.parametrize("exif", [b"", b"MM\0", b"nothing of the kind", b"MM\0*\xff\xff\xff\xff"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_with_damaged_exif_is_read_as_it_is_stored(form: str, exif: bytes) -> None:
    raw = encoded(RGB, form, dpi=(300, 300), exif=b"Exif\0\0" + exif)
    assert torch.equal(decode(raw, 3), planes(Image.open(io.BytesIO(raw)).convert("RGB")))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_frame_of_many(form: str) -> None:
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    raw = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert torch.equal(decode(raw, 3), planes(frames[0]))


# --- headers


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_headers_count_native_channels(mode: str) -> None:
    image = Image.fromarray(noise(H, W, dtype=np.uint16)) if mode == "I;16" else RGB.convert(mode)
    raw = encoded(image, "TIFF")
    header = probe(raw)
    assert (header.height, header.width, header.mode, header.format) == (H, W, mode, "TIFF")
    assert header.bands == (3 if mode in ("RGB", "RGBA", "CMYK") else 1)


def test_a_palette_is_grey_where_all_its_entries_are() -> None:
    grey, colour = GREY.quantize(8), RGB.quantize(8)
    assert probe(encoded(grey)).bands == 1
    assert probe(encoded(colour)).bands == 3


def test_probe_does_not_read_pixels() -> None:
    raw = encoded(Image.fromarray(noise(64, 64, 3)))
    assert (probe(raw[: len(raw) // 2]).height, probe(raw[: len(raw) // 2]).width) == (64, 64)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "ICO", "PCX"])
def test_the_format_tells_a_wrong_suffix(form: str) -> None:
    header = probe(encoded(RGB.resize((32, 32)), form))
    assert header.format == form
    assert set(FORMATS[header.format]) <= PICTURE_SUFFIXES
    assert all(not set(a) & set(b) for a, b in itertools.combinations(FORMATS.values(), 2))


# --- refusals


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header alone claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


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


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_short_names_the_cause(form: str, share: float) -> None:
    raw = encoded(Image.fromarray(noise(64, 64, 3)), form)
    with pytest.raises(InputError) as caught:
        decode(raw[: int(len(raw) * share)], 3)
    assert caught.value.why or "cut short" in caught.value.what
    assert caught.value.mend


def tiff_of_doubles() -> bytes:
    tags = {256: 1, 257: 1, 258: 64, 259: 1, 262: 1, 273: 8, 277: 1, 279: 8, 339: 3}  # one pixel, stored at byte 8
    rows = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IdH", 16, 0.5, len(tags)) + rows + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "zero bytes"),
        (b"hello, I am text", "not a picture"),
        (b"\0" * 4096, "not a picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"%PDF-1.7", "PDF"),
        (b"\n<!DOCTYPE html><html>404</html>", "web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "vector drawing"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"PK\x03\x04rest", "zip archive"),
        (tiff_of_doubles(), "TIFF picture that is damaged, or of a kind that is not read"),
        (b"\xff\xd8\xff\xe0", "JPEG picture whose header is damaged"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture whose header is damaged"),
    ],
)
def test_what_is_no_picture_is_said(raw: bytes, what: str) -> None:
    for action in (lambda raw: decode(raw, 3), probe):
        with pytest.raises(InputError, match=what) as caught:
            action(raw)
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
