"""Pictures turned as their EXIF orientation says."""

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

__all__ = ["TURNS", "orientation", "upright"]

TURNS: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {  # by orientation, on (H, W, C)
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}


def orientation(image: Image.Image, raw: bytes) -> int:
    """1 (upright) to 8, as EXIF has it. Pillow turns TIFF itself. getexif is slow: asked only with a reason."""
    if image.format == "TIFF":
        return 1
    told = any(key in image.info for key in ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"))
    if not told and not (image.format == "PNG" and b"eXIf" in raw):  # PNG may carry it after the pixels
        return 1
    try:
        value = image.getexif().get(0x0112, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return 1  # what stands beside the pixels is damaged, not they
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(image: Image.Image) -> Image.Image:
    """A loaded picture, turned. Loaded, for then Pillow knows what stands behind the pixels too."""
    return ImageOps.exif_transpose(image) if orientation(image, b"") != 1 else image
