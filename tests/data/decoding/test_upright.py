"""Pictures turned as their EXIF says, wherever it stands and however damaged it is."""

import io
import struct
import zlib

import pytest
import torch
from PIL import Image, ImageOps
from tests.data.decoding.stored import RGB, H, W, encoded, planes

from smalti.data.decoding.decode import decode, probe


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
