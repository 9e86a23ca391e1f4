"""JPEG through libjpeg-turbo without Pillow's detours: the same pixels, sooner, and much sooner where a picture will be
scaled down anyway."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

try:
    import simplejpeg
except ImportError:  # a platform without its wheel: Pillow reads everything
    simplejpeg = None

__all__ = ["Target", "decode_jpeg", "shrink"]

Target = Callable[[int, int], tuple[int, int]]  # (height, width) of an upright picture to the size it is wanted in


def decode_jpeg(raw: bytes, image: Image.Image, shrink: int) -> NDArray[np.uint8] | None:
    """The pixels (H, W, 3), or (H, W, 1) of a grey picture, 1 / `shrink` as large; None where Pillow has to do it:
    CMYK, damaged files, rare kinds of JPEG.

    Args:
        raw: the file.
        image: the same, opened by Pillow for its header.
        shrink: 1, 2, 4 or 8.
    """
    if simplejpeg is None or image.format not in ("JPEG", "MPO") or image.mode not in ("RGB", "L"):
        return None
    height, width = (-(-side // shrink) for side in (image.height, image.width))
    colours = "GRAY" if image.mode == "L" else "RGB"
    try:
        pixels = simplejpeg.decode_jpeg(raw, colours, min_height=height, min_width=width)
    except ValueError:  # it is stricter than Pillow, which then decides
        return None
    return pixels if pixels.shape[:2] == (height, width) else None


def shrink(image: Image.Image, target: Target | None, *, turned: bool = False) -> int:
    """By how much a JPEG may be scaled down while it is decoded, where it keeps at least the wanted size: 1, 2, 4 or 8.

    The decoder leaves out the fine frequencies of each 8 x 8 square, so the picture is neither aliased nor blurred.

    Args:
        image: the picture with its header read, not upright yet.
        target: the size wanted; None for the whole picture.
        turned: the picture lies on its side.
    """
    if target is None or image.format not in ("JPEG", "MPO"):
        return 1
    height, width = (image.width, image.height) if turned else (image.height, image.width)
    wanted_height, wanted_width = target(height, width)
    return next((n for n in (8, 4, 2) if height // n >= wanted_height and width // n >= wanted_width), 1)
