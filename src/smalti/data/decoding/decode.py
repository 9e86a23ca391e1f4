"""Pictures and arrays to pixels, and what is known of a picture before it is decoded."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from smalti.data.decoding.bands import to_bands
from smalti.data.decoding.depth import check_array, check_finite, scaled
from smalti.data.decoding.jpeg import Target, decode_jpeg, shrink
from smalti.data.decoding.limits import MAX_PIXELS
from smalti.data.decoding.modes import bits_of, is_grey, to_pixels
from smalti.data.decoding.pillow import opened
from smalti.data.decoding.signatures import DAMAGED
from smalti.data.decoding.upright import TURNS, orientation, upright
from smalti.data.source import Raw
from smalti.errors import InputError

__all__ = ["Header", "decode", "examine", "probe"]


@dataclass(frozen=True)
class Header:
    """What a picture says about itself before its pixels are read.

    Args:
        height: pixels, after the EXIF turn.
        width: pixels, after the EXIF turn.
        mode: Pillow's mode ("RGB", "I;16"), or the dtype of an array ("uint8").
        bands: native channels: grey 1, colour 3 (alpha is not a channel; a palette of greys alone is grey); an array's
            own count.
        bits: of a stored value as it arrives: 8, 16 or 32 (64 in arrays of doubles).
        format: "JPEG", "PNG", ...: a key of `suffixes.FORMATS`; "array" for pixels in memory.
    """

    height: int
    width: int
    mode: str
    bands: int
    bits: int
    format: str


def decode(
    raw: Raw, in_chans: int, *, white: float = 65535.0, max_pixels: int = MAX_PIXELS, target: Target | None = None
) -> Tensor:
    """The picture as uint8 (in_chans, H, W), by the rules of this package. Its memory is that of (H, W, in_chans).

    Args:
        raw: an encoded picture, or its pixels as (H, W) or (H, W, C).
        in_chans: the channels wanted.
        white: the stored value that becomes 255 in pictures of more than 8 bits and in float.
        max_pixels: larger pictures are refused from their header, before they take memory.
        target: from (height, width) of the picture to the size wanted. A JPEG may then come smaller than it is, but not
            smaller than that; without it every picture comes whole.

    Raises:
        InputError: it is not a picture, damaged, too large, holds NaN, or its channels cannot become `in_chans`.
    """
    if isinstance(raw, np.ndarray):
        return _planes(_array_pixels(raw, in_chans, white, max_pixels))
    with opened(raw, max_pixels) as image:
        return _planes(_decoded(image, raw, in_chans, white, target))


def probe(raw: Raw) -> Header:
    """What the header says; the pixels of an encoded picture are not read. Raises InputError as `decode` does."""
    if isinstance(raw, np.ndarray):
        return _array_header(raw)
    with opened(raw) as image:
        return _header(image, raw)


def examine(raw: Raw) -> tuple[Header, NDArray[np.generic]]:
    """The header, and the values (C, H, W) upright, of the channels it names: uint8 as `decode` gives them, or float64
    as they are stored where they are not 8-bit. Raises InputError as `decode` does.
    """
    header, values = _array_values(raw) if isinstance(raw, np.ndarray) else _picture_values(raw)
    if values.dtype != np.uint8:
        check_finite(values)
        values = values.astype(np.float64)
    return header, np.atleast_3d(values).transpose(2, 0, 1)


def _array_header(values: NDArray[np.generic]) -> Header:
    check_array(values)
    bands = 1 if values.ndim == 2 else values.shape[2]
    bits = max(8, values.dtype.itemsize * 8)
    return Header(values.shape[0], values.shape[1], values.dtype.name, bands, bits, "array")


def _array_pixels(values: NDArray[np.generic], in_chans: int, white: float, max_pixels: int) -> NDArray[np.uint8]:
    check_array(values, max_pixels)
    return to_bands(scaled(values, white), in_chans)


def _array_values(values: NDArray[np.generic]) -> tuple[Header, NDArray[np.generic]]:
    return _array_header(values), scaled(values, 255.0) if values.dtype == np.bool_ else values


def _header(image: Image.Image, raw: bytes) -> Header:
    width, height = image.size
    if orientation(image, raw) >= 5:
        width, height = height, width
    form = "JPEG" if image.format == "MPO" else str(image.format)
    return Header(height, width, image.mode, 1 if is_grey(image) else 3, bits_of(image.mode), form)


def _decoded(
    image: Image.Image, raw: bytes, in_chans: int, white: float = 65535.0, target: Target | None = None
) -> NDArray[np.uint8]:
    """An opened picture as uint8 (H, W, in_chans), upright."""
    turn = orientation(image, raw)
    factor = shrink(image, target, turned=turn >= 5)
    pixels = decode_jpeg(raw, image, factor) if in_chans in (1, 3) else None
    if pixels is not None:
        return to_bands(TURNS[turn](pixels), in_chans)
    if factor > 1:
        image.draft(None, (image.width // factor, image.height // factor))
    _load(image)
    return to_pixels(upright(image), in_chans, white)


def _picture_values(raw: bytes) -> tuple[Header, NDArray[np.generic]]:
    with opened(raw) as image:
        header = _header(image, raw)
        if header.bits == 8:
            return header, _decoded(image, raw, header.bands)
        _load(image)
        return header, np.asarray(upright(image))


def _load(image: Image.Image) -> None:
    """Reads the pixels, by Pillow."""
    image.load()
    if not image.width or not image.height:
        raise InputError("a picture without pixels", mend=DAMAGED)


def _planes(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 (H, W, C) as a tensor (C, H, W) that owns its memory, in the order it has."""
    owned = pixels if pixels.base is None and pixels.flags.writeable else np.array(pixels, order="C")
    return torch.from_numpy(owned).permute(2, 0, 1)
