"""A picture opened by Pillow, as far as its header. Whatever keeps it from being read is one `InputError`: an empty
file, one that is no picture, one that is too large or damaged."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from smalti.data.decoding.heic import heif_version, is_heif, register
from smalti.data.decoding.limits import MAX_PIXELS, check_size, too_large
from smalti.data.decoding.signatures import DAMAGED, refusal
from smalti.data.decoding.suffixes import FORMATS
from smalti.errors import InputError

__all__ = ["opened"]

_TRIED = tuple(name for name in FORMATS if name != "HEIF")


@contextmanager
def opened(raw: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The picture with its header read. What Pillow raises inside becomes one InputError; its warnings are silent."""
    if not raw:
        raise InputError("empty file, zero bytes", mend="copy the picture again, or remove it")
    with warnings.catch_warnings():
        # Pillow's remarks on damaged metadata and size. Only its own: filters are shared by all threads of a process.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            with Image.open(io.BytesIO(raw), formats=_formats(raw)) as image:
                check_size(image.height, image.width, max_pixels)
                yield image
        except (InputError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise too_large("far more", max_pixels) from error
        except UnidentifiedImageError as error:
            raise refusal(raw) from error
        except Exception as error:  # Pillow's readers let out OSError, SyntaxError, struct.error, ValueError and others
            raise InputError("the picture cannot be decoded", why=_reason(error), mend=DAMAGED) from error


def _formats(raw: bytes) -> tuple[str, ...]:
    """Those that are tried; HEIF only where it is one, since its decoder is loaded for it."""
    if not (is_heif(raw) and heif_version()):
        return _TRIED
    register()
    return (*_TRIED, "HEIF")


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return "the file is cut short" if isinstance(error, EOFError) or text == "unexpected end of file" else text
