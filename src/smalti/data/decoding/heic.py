"""HEIC, the pictures of phones, by way of pillow-heif: an extra, since its wheels hold an encoder under the GPL, and
decoders of this format have been a way into machines."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

__all__ = ["HEIF_SUFFIXES", "heif_version", "is_heif", "register"]

HEIF_SUFFIXES = (".heic", ".heif", ".hif")
_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}


def is_heif(raw: bytes) -> bool:
    """Whether a file begins as one of this family does."""
    return raw[4:8] == b"ftyp" and raw[8:12] in _BRANDS


@cache
def heif_version() -> str:
    """The version of pillow-heif; "" where it is not installed."""
    try:
        return version("pillow-heif")
    except PackageNotFoundError:
        return ""


@cache
def register() -> None:
    """Teaches Pillow the format "HEIF". Pictures come upright and in 8 bits."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)
