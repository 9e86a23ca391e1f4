"""Stored values of any type and depth as bytes: white becomes 255. And what values an array must have for that."""

import numpy as np
from numpy.typing import NDArray

from smalti.data.decoding.limits import MAX_PIXELS, check_size
from smalti.errors import InputError

__all__ = ["check_array", "check_finite", "scaled", "white_of"]

_DEEP = 1024  # of 65535: what stays below is nearly black, so rather of 8 bits than of 16


def scaled(values: NDArray[np.generic], white: float) -> NDArray[np.uint8]:
    """value / white * 255, rounded to even, as uint8 of the same shape; uint8 stays, bool is 0 and 255.

    Raises:
        InputError: a value is NaN or infinite.
    """
    if values.dtype == np.uint8:
        return values.view(np.uint8)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    check_finite(values)
    shares = values.astype(np.float64)
    shares /= white
    shares *= 255.0
    return np.rint(shares.clip(0.0, 255.0, out=shares), out=shares).astype(np.uint8)


def white_of(values: NDArray[np.generic], white: float) -> float:
    """The value that is white in an array a person hands in. Where it was measured, for pictures that are not 8-bit, it
    is the model's, `white`. Where that says no more than 16 bits, which it does in models of 8-bit pictures too, other
    integers and floats are told by their highest value: 1 up to 1, 255 up to 255.

    Raises:
        InputError: it cannot be told from the values, or `decode` could not read them.
    """
    check_array(values)
    if white != 65535.0 or values.dtype in (np.bool_, np.uint8, np.uint16):
        return white
    check_finite(values)
    low, peak = float(values.min()), float(values.max())
    if peak >= _DEEP:
        return white
    if low < 0 or peak > 255:
        raise InputError(
            f"an array with values from {low:g} to {peak:g}, of which none is known to be white",
            mend="give uint8, or floats of 0 to 1",
        )
    return 1.0 if peak <= 1 else 255.0


def check_array(values: NDArray[np.generic], max_pixels: int = MAX_PIXELS) -> None:
    """Raises InputError where an array is no picture (H, W) or (H, W, C) by its type, shape or size."""
    if values.dtype.kind not in "buif":
        raise InputError(f"pixels of type {values.dtype}", mend="give bool, integer or float pixels")
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(
            f"a picture array of shape {values.shape}", mend="give (H, W) or (H, W, C) with at least one pixel"
        )
    check_size(values.shape[0], values.shape[1], max_pixels)


def check_finite(values: NDArray[np.generic]) -> None:
    """Raises InputError where a value is NaN or infinite."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise InputError(
            f"{bad} of {values.size} pixel values are NaN or infinite", mend="give every pixel a finite value"
        )
