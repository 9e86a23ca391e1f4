"""The pictures of phones, with the extra and without it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smalti.data import opening
from smalti.data.check import check
from smalti.data.decoding import pillow, signatures
from smalti.data.decoding.decode import decode, probe
from smalti.data.decoding.heic import HEIF_SUFFIXES
from smalti.data.formats import tree
from smalti.data.inputs import find_pictures
from smalti.errors import InputError

pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heic: pip install 'pillow-heif>=1.8'")

RNG = np.random.default_rng(0)
SMOOTH = np.kron(RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))  # 48 x 64


def heic(pixels: Any = SMOOTH, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = pillow_heif.from_pillow(Image.fromarray(pixels))
    image.save(buffer, quality=-1, chroma=444, matrix_coefficients=0, **options)  # lossless
    return buffer.getvalue()


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were not installed."""
    for module in (pillow, signatures):
        monkeypatch.setattr(module, "heif_version", lambda: "")
    monkeypatch.setattr(tree, "PICTURE_SUFFIXES", tree.PICTURE_SUFFIXES - set(HEIF_SUFFIXES))
    monkeypatch.setattr(tree, "UNREAD_SUFFIXES", tree.UNREAD_SUFFIXES | set(HEIF_SUFFIXES))


def test_the_pixels_are_those_that_were_saved():
    raw = heic()
    header = probe(raw)
    assert (header.height, header.width, header.bands, header.bits, header.format) == (48, 64, 3, 8, "HEIF")
    pixels = decode(raw, 3)
    assert np.array_equal(pixels.numpy(), SMOOTH.transpose(2, 0, 1))
    assert decode(raw, 1).shape == (1, 48, 64)


def test_what_is_seen_through_lies_over_white():
    clear = np.dstack([SMOOTH, np.zeros(SMOOTH.shape[:2], np.uint8)])
    assert (decode(heic(clear), 3) == 255).all()


def test_a_phone_held_upright_gives_an_upright_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = heic(exif=exif.tobytes())
    assert (probe(raw).height, probe(raw).width) == (64, 48)
    assert np.array_equal(decode(raw, 3).numpy(), np.rot90(SMOOTH, -1).transpose(2, 0, 1))


@pytest.mark.parametrize("keep", [40, 300, -50])
def test_one_that_is_cut_short_is_refused(keep):
    with pytest.raises(InputError, match=r"damaged|cannot be decoded"):
        decode(heic()[:keep], 3)


def test_a_large_one_is_refused_from_its_header():
    with pytest.raises(InputError, match="too large"):
        decode(heic(), 3, max_pixels=48 * 64 - 1)


def test_they_are_pictures_of_folders(tmp_path: Path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for i in range(3):
            pixels = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            (tmp_path / label / f"{i}.HEIC").write_bytes(heic(pixels))
    (tmp_path / "a" / "0.HEIC").rename(tmp_path / "a" / "0.jpg")
    source = opening.open(tmp_path)
    assert len(source) == 6
    found = check(source)
    assert int(found.splits.sum()) == 6
    (renamed,) = [problem for problem in found.problems if problem.file.endswith("0.jpg")]
    assert "HEIF" in renamed.cause
    assert ".heic" in renamed.mend
    assert len(list(find_pictures(tmp_path))) == 6


@pytest.mark.usefixtures("without")
def test_without_the_extra_it_is_said_how_to_get_it(tmp_path: Path):
    with pytest.raises(InputError, match="not read yet") as refused:
        decode(heic(), 3)
    assert refused.value.mend == "pip install 'pillow-heif>=1.8', or save it as JPEG"
    for name in ("a/1.jpg", "b/1.jpg", "b/2.heic", "b/3.NEF"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(heic())
    source = opening.open(tmp_path)
    told = {problem.cause: problem.mend for problem in source.problems}
    assert told["1 HEIC picture, a format that is not read: b/2.heic"] == (
        "pip install 'pillow-heif>=1.8', or export them as JPEG or PNG"
    )
    assert told["1 NEF picture, a format that is not read: b/3.NEF"] == "export them as JPEG or PNG"
    assert len(source) == 2
    assert len(list(find_pictures(tmp_path))) == 4
