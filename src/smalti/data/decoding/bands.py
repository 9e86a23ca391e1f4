"""Bytes of one count of channels as bytes of another: grey repeated, colour as its luma."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smalti.errors import InputError

__all__ = ["to_bands", "wrong_bands"]


def to_bands(pixels: NDArray[np.uint8], in_chans: int) -> NDArray[np.uint8]:
    """uint8 (H, W) or (H, W, C) as (H, W, in_chans). Raises InputError where that cannot be."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    bands = pixels.shape[2]
    if bands == in_chans:
        return pixels
    if bands == 1 and in_chans == 3:
        return np.repeat(pixels, 3, axis=2)
    if bands == 3 and in_chans == 1:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[:, :, None]
    raise wrong_bands(f"{bands} channel{'s'[: bands - 1]}", in_chans)


def wrong_bands(found: str, in_chans: int) -> InputError:
    """The error for a picture of `found` ("3 channels") that cannot have `in_chans`."""
    return InputError(
        f"a picture of {found} where {in_chans} are expected", mend=f"give pictures of {in_chans} channels"
    )
