"""How large a picture may be that is read."""

from smalti.errors import InputError

__all__ = ["MAX_PIXELS", "check_size", "too_large"]

MAX_PIXELS = 50_000_000


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Raises InputError where a picture of this size is not read: it has more than `max_pixels`, or none."""
    if height * width > max_pixels:
        raise too_large(f"{height * width / 1e6:.4g} million", max_pixels, f"{height} x {width}: ")
    if height <= 0 or width <= 0:
        raise InputError(f"a picture without pixels, {height} x {width}", mend="remove it")


def too_large(count: str, max_pixels: int, size: str = "") -> InputError:
    """The error for a picture of `count` pixels, "60 million"; `size` says its sides, "6000 x 10000: "."""
    return InputError(
        f"picture too large, {size}{count} pixels where {max_pixels / 1e6:.4g} million are read",
        mend="save it smaller, or remove it",
    )
