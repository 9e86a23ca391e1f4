"""Whatever a person hands in as pictures: paths, PIL images, arrays, and lists of those."""

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
from PIL import ImageOps
from torch import Tensor

from smalti.data.inputs import find_pictures, refuse
from smalti.data.source import Raw
from smalti.errors import InputError

__all__ = ["Picture", "as_pictures"]

Picture = tuple[str, Callable[[], Raw]]  # a name, and what reads the encoded bytes or the pixels


def as_pictures(inputs: Any) -> Iterator[Picture]:
    """Whatever a person hands in, as named pictures. Among many, a folder or archive without any is a picture that says
    so when it is read: one does not stop the others.

    Raises:
        InputError: it is none of the kinds of `Model.predict`, or a folder or archive alone that holds no picture.
    """
    if isinstance(inputs, str | os.PathLike):
        yield from find_pictures(inputs)
    elif isinstance(inputs, np.ndarray) and not (inputs.ndim and inputs.dtype.kind in "OU"):  # but of names
        yield "array", lambda: inputs
    elif hasattr(inputs, "convert"):  # a PIL image
        yield getattr(inputs, "filename", "") or "image", lambda: as_raw(inputs)
    elif isinstance(inputs, bytes | io.IOBase | Tensor) or not isinstance(inputs, Iterable):
        raise InputError(
            f"a {type(inputs).__name__} where a picture is expected",
            mend="give a path, a PIL image or an array (H, W[, C])",
        )
    else:
        for number, one in enumerate(inputs):
            if isinstance(one, str | os.PathLike):
                yield from among_others(one)
            else:
                yield from ((f"{name} {number}", read) for name, read in as_pictures(one))


def among_others(path: str | os.PathLike[str]) -> Iterator[Picture]:
    """The pictures that a path stands for; where they cannot be listed, one that says why when it is read."""
    try:
        yield from find_pictures(path)
    except InputError as error:
        yield os.fspath(path), partial(refuse, error)


CARRIED = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I;16B"}  # by TIFF, as they are
NUMBERS = {"I", "F"}  # of any range: what is white is not known of them, as it is not of arrays
KEYED = {"1", "L", "P", "RGB", "I;16"}  # by PNG, with the colour that is transparent in them
CONVERTING = threading.Lock()  # Pillow's images are not made for threads, and one may be handed in twice


def as_raw(image: Any) -> Raw:
    """A PIL image as the bytes of a lossless file, so that it takes the way of every other picture; of 32 bits or of
    floats, as an array. Raises InputError, or OSError, where its pixels, which Pillow loads only now, cannot be had."""
    try:
        with CONVERTING:
            image, buffer = ImageOps.exif_transpose(image), io.BytesIO()
            if image.mode in NUMBERS:
                return np.asarray(image)
            if "transparency" in image.info and image.mode in KEYED:
                image.save(buffer, "PNG", compress_level=1)
            else:
                image = image if image.mode in CARRIED else image.convert("RGB")
                image.save(buffer, "TIFF", compression="raw")  # else that of the file it came from, which may lose
    except (OSError, MemoryError):
        raise
    except Exception as error:  # as in `decode`: Pillow's readers let many kinds out
        mend = "hand it in while its file is open, or save it again from its original"
        raise InputError("the picture cannot be decoded", why=str(error), mend=mend) from error
    return buffer.getvalue()
