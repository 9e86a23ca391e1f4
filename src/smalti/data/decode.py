"""One documented conversion from any stored picture to the pixels a model sees.

Every route (training, evaluation, prediction, serving) turns a picture into uint8 (C, H, W) here and nowhere else:

1. The first frame of an animated or many-page file.
2. Turned upright as its EXIF orientation says.
3. Palettes, YCbCr, CMYK and LAB become RGB; 1-bit becomes 0 and 255. Embedded ICC profiles are not applied.
4. Alpha (a channel, a transparent palette entry or colour key) is composited over white.
5. Grey of 16 bits and more, and float, is scaled: value / white * 255, rounded to even, clipped to [0, 255].
   (Pillow's own `convert` would clip 16-bit grey at 255, so those pixels go through numpy.) PNG and TIFF colour of
   16 bits a channel arrives from Pillow already scaled to 8.
6. `in_chans` 1 makes colour grey by the ITU-R 601 luma, (19595 R + 38470 G + 7471 B + 32768) >> 16; 3 repeats grey;
   4 keeps the alpha of an RGBA picture as a fourth channel. Any other count must be the count that is stored.

Arrays of pixels take the same road: bool is 0 and 255, uint8 stays, other integers and floats are scaled by `white`,
which of an array that a person hands in `white_of` tells.

Where the caller says which size it wants, a JPEG of twice that size or more is scaled down by 2, 4 or 8 while it is
decoded.
"""

import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from smalti.data.heic import HEIF_SUFFIXES, heif_version, is_heif, register
from smalti.data.jpeg import Target, decode_jpeg, shrink
from smalti.data.source import Raw
from smalti.errors import InputError, install_line

__all__ = [
    "FORMATS",
    "PICTURE_SUFFIXES",
    "UNREAD_SUFFIXES",
    "Header",
    "decode",
    "examine",
    "probe",
    "white_of",
]

# The formats that are tried, with their file name suffixes. Left out: those that start another program (EPS), that only
# one vendor reads, or that have no signature, so that any file could pass for a picture (TGA).
FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "ICO": (".ico",),
    "PCX": (".pcx",),
    "QOI": (".qoi",),
    "HEIF": HEIF_SUFFIXES,  # where the extra is installed
}
PICTURE_SUFFIXES = frozenset(suffix for name in FORMATS if name != "HEIF" or heif_version() for suffix in FORMATS[name])
# Pictures as well, but not read: the raw files of cameras, and what phones write where the extra is not installed.
UNREAD_SUFFIXES = {".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", *HEIF_SUFFIXES} - PICTURE_SUFFIXES

_TRIED = tuple(name for name in FORMATS if name != "HEIF")
MAX_PIXELS = 50_000_000  # of a picture that is read
_DEEP = 1024  # of 65535: what stays below is nearly black, so rather of 8 bits than of 16

_MEND = "save the picture again from its original, or remove it"

_TIFF = "a TIFF picture that is damaged, or of a kind that is not read (over 4 bands, 64-bit numbers and the like)"
_TIFF_MEND = "save it again from its original, or the bands of all pictures as arrays in an .npz"

# How files begin that are often met in the place of a picture: (at byte, signature, what it is, the mend).
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer, not a picture", "fetch the real file with `git lfs pull`"),
    (0, b"%PDF", "a PDF document", "save its pages as PNG or JPEG"),
    (0, b"8BPS", "a Photoshop document", "save it as PNG or JPEG"),
    (0, b"%!PS", "a PostScript document", "save it as PNG or JPEG"),
    (0, b"PK\x03\x04", "a zip archive", "unpack it, or name the archive itself as the data"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it, or name the archive itself as the data"),
    (0, b"\xff\xd8\xff", "a JPEG picture whose header is damaged or cut short", _MEND),
    (0, b"\x89PNG", "a PNG picture whose header is damaged or cut short", _MEND),
    (8, b"WEBP", "a WebP picture whose header is damaged or cut short", _MEND),
    (0, b"GIF8", "a GIF picture whose header is damaged or cut short", _MEND),
    (0, b"II*\0", _TIFF, _TIFF_MEND),
    (0, b"MM\0*", _TIFF, _TIFF_MEND),
    (0, b"BM", "a BMP picture whose header is damaged or cut short", _MEND),
)


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
        format: "JPEG", "PNG", ...: a key of FORMATS; "array" for pixels in memory.
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
    """The picture as uint8 (in_chans, H, W), by the rules above. Its memory is that of (H, W, in_chans).

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
    with _opened(raw, max_pixels) as image:
        return _planes(_decoded(image, raw, in_chans, white, target))


def probe(raw: Raw) -> Header:
    """What the header says; the pixels of an encoded picture are not read. Raises InputError as `decode` does."""
    if isinstance(raw, np.ndarray):
        return _array_header(raw)
    with _opened(raw) as image:
        return _header(image, raw)


def examine(raw: Raw) -> tuple[Header, NDArray[np.generic]]:
    """The header, and the values (C, H, W) upright, of the channels it names: uint8 as `decode` gives them, or float64
    as they are stored where they are not 8-bit. Raises InputError as `decode` does.
    """
    if isinstance(raw, np.ndarray):
        header = _array_header(raw)
        values = _scaled(raw, 255.0) if raw.dtype == np.bool_ else raw
    else:
        with _opened(raw) as image:
            header = _header(image, raw)
            if header.bits == 8:
                values = _decoded(image, raw, header.bands)
            else:
                _load(image)
                values = np.asarray(_upright(image))
    if values.dtype != np.uint8:
        _check_finite(values)
        values = values.astype(np.float64)
    return header, np.atleast_3d(values).transpose(2, 0, 1)


def white_of(values: NDArray[np.generic], white: float) -> float:
    """The value that is white in an array a person hands in. Where it was measured, for pictures that are not 8-bit, it
    is the model's, `white`. Where that says no more than 16 bits, which it does in models of 8-bit pictures too, other
    integers and floats are told by their highest value: 1 up to 1, 255 up to 255.

    Raises:
        InputError: it cannot be told from the values, or `decode` could not read them.
    """
    _check_array(values)
    if white != 65535.0 or values.dtype in (np.bool_, np.uint8, np.uint16):
        return white
    _check_finite(values)
    low, peak = float(values.min()), float(values.max())
    if peak >= _DEEP:
        return white
    if low < 0 or peak > 255:
        raise InputError(
            f"an array with values from {low:g} to {peak:g}, of which none is known to be white",
            mend="give uint8, or floats of 0 to 1",
        )
    return 1.0 if peak <= 1 else 255.0


@contextmanager
def _opened(raw: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The picture with its header read. What Pillow raises inside becomes one InputError; its warnings are silent."""
    if not raw:
        raise InputError("empty file, zero bytes", mend="copy the picture again, or remove it")
    with warnings.catch_warnings():
        # Pillow's remarks on damaged metadata and size. Only its own: filters are shared by all threads of a process.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            with Image.open(io.BytesIO(raw), formats=_formats(raw)) as image:
                _check_size(image.height, image.width, max_pixels)
                yield image
        except (InputError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise _too_large("far more", max_pixels) from error
        except UnidentifiedImageError as error:
            raise _unknown(raw) from error
        except (
            Exception
        ) as error:  # Pillow's readers let many kinds out: OSError, SyntaxError, struct.error, ValueError...
            raise InputError("the picture cannot be decoded", why=_reason(error), mend=_MEND) from error


def _formats(raw: bytes) -> tuple[str, ...]:
    """Those that are tried; HEIF only where it is one, since its decoder is loaded for it."""
    if not (is_heif(raw) and heif_version()):
        return _TRIED
    register()
    return (*_TRIED, "HEIF")


def _header(image: Image.Image, raw: bytes) -> Header:
    width, height = image.size
    if _orientation(image, raw) >= 5:
        width, height = height, width
    form = "JPEG" if image.format == "MPO" else str(image.format)
    return Header(height, width, image.mode, 1 if _is_grey(image) else 3, _bits(image.mode), form)


def _array_header(values: NDArray[np.generic]) -> Header:
    _check_array(values)
    bands = 1 if values.ndim == 2 else values.shape[2]
    return Header(
        values.shape[0], values.shape[1], values.dtype.name, bands, max(8, values.dtype.itemsize * 8), "array"
    )


def _decoded(
    image: Image.Image, raw: bytes, in_chans: int, white: float = 65535.0, target: Target | None = None
) -> NDArray[np.uint8]:
    """An opened picture as uint8 (H, W, in_chans), upright."""
    orientation = _orientation(image, raw)
    factor = shrink(image, target, turned=orientation >= 5)
    pixels = decode_jpeg(raw, image, factor) if in_chans in (1, 3) else None
    if pixels is not None:
        return _to_bands(TURNS[orientation](pixels), in_chans)
    if factor > 1:
        image.draft(None, (image.width // factor, image.height // factor))
    _load(image)
    return _pixels(_upright(image), in_chans, white)


def _load(image: Image.Image) -> None:
    image.load()
    if not image.width or not image.height:
        raise InputError("a picture without pixels", mend=_MEND)


def _unknown(raw: bytes) -> InputError:
    if is_heif(raw):
        if heif_version():
            return InputError("an HEIC picture whose header is damaged or cut short", mend=_MEND)
        mend = f"{install_line('pillow-heif')}, or save it as JPEG"
        return InputError("an HEIC picture, which is not read yet", mend=mend)
    for at, signature, what, mend in _SIGNATURES:
        if raw[at : at + len(signature)] == signature:
            return InputError(what, mend=mend)
    start = bytes(raw[:256]).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return InputError("a web page, not a picture", mend="download the picture itself")
    if b"<svg" in start or start.startswith(b"<?xml"):
        return InputError("a vector drawing or XML, not a picture", mend="save it as PNG")
    return InputError(
        "not a picture", why="its first bytes are those of no known format", mend="remove it, or save it as PNG or JPEG"
    )


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return "the file is cut short" if isinstance(error, EOFError) or text == "unexpected end of file" else text


def _check_size(height: int, width: int, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise _too_large(f"{height * width / 1e6:.4g} million", max_pixels, f"{height} x {width}: ")
    if height <= 0 or width <= 0:
        raise InputError(f"a picture without pixels, {height} x {width}", mend="remove it")


def _too_large(count: str, max_pixels: int, size: str = "") -> InputError:
    return InputError(
        f"picture too large, {size}{count} pixels where {max_pixels / 1e6:.4g} million are read",
        mend="save it smaller, or remove it",
    )


def _orientation(image: Image.Image, raw: bytes) -> int:
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


TURNS: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {  # by EXIF orientation, on (H, W, C)
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image) if _orientation(image, b"") != 1 else image


def _bits(mode: str) -> int:
    return 16 if mode.startswith("I;16") else 32 if mode in ("I", "F") else 8


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _is_grey(image: Image.Image) -> bool:
    if image.mode not in ("P", "PA"):
        return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;")
    palette = image.palette
    if palette is None or not palette.palette or not palette.mode.startswith("RGB"):
        return False
    colours = np.frombuffer(bytes(palette.palette), np.uint8)
    colours = colours[: len(colours) // len(palette.mode) * len(palette.mode)].reshape(-1, len(palette.mode))
    return bool((colours[:, :1] == colours[:, 1:3]).all())


def _pixels(image: Image.Image, in_chans: int, white: float) -> NDArray[np.uint8]:
    """A loaded, upright picture as uint8 (H, W, in_chans) or (H, W)."""
    if _bits(image.mode) > 8:
        scaled, key = _scaled(np.asarray(image), white), image.info.get("transparency")
        return _to_bands(scaled if key is None else np.where(np.asarray(image) == key, np.uint8(255), scaled), in_chans)
    if in_chans == 4 and _has_alpha(image) and not _is_grey(image):
        return np.asarray(image.convert("RGBA"))
    if in_chans not in (1, 3):
        bands = 1 if _is_grey(image) else 3
        raise _wrong_bands(
            f"{bands} channel{'s'[: bands - 1]}{' and transparency' if _has_alpha(image) else ''}", in_chans
        )
    if _has_alpha(image):
        image = _over_white(image)
    elif image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, rgb, "LAB", "RGB")) or image
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if image.mode != ("L" if in_chans == 1 else "RGB"):
        image = image.convert("L" if in_chans == 1 else "RGB")
    # not np.asarray: reading the bytes out is the cheaper way for small pictures
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, in_chans)


def _over_white(image: Image.Image) -> Image.Image:
    """Composited over white, in RGB, or in L where the picture is grey with alpha."""
    grey = image.mode in ("1", "L", "LA", "La")
    image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, "LA" if grey else "RGBA"))
    canvas = Image.new("L" if grey else "RGB", image.size, "white")
    colours = image.getchannel(0) if grey else image.convert("RGB")
    canvas.paste(colours, mask=image.getchannel("A"))
    return canvas


def _scaled(values: NDArray[np.generic], white: float) -> NDArray[np.uint8]:
    """Stored values of any depth as uint8."""
    if values.dtype == np.uint8:
        return values.view(np.uint8)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    _check_finite(values)
    scaled = values.astype(np.float64)
    scaled /= white
    scaled *= 255.0
    return np.rint(scaled.clip(0.0, 255.0, out=scaled), out=scaled).astype(np.uint8)


def _check_finite(values: NDArray[np.generic]) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise InputError(
            f"{bad} of {values.size} pixel values are NaN or infinite", mend="give every pixel a finite value"
        )


def _check_array(values: NDArray[np.generic], max_pixels: int = MAX_PIXELS) -> None:
    if values.dtype.kind not in "buif":
        raise InputError(f"pixels of type {values.dtype}", mend="give bool, integer or float pixels")
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(
            f"a picture array of shape {values.shape}", mend="give (H, W) or (H, W, C) with at least one pixel"
        )
    _check_size(values.shape[0], values.shape[1], max_pixels)


def _array_pixels(values: NDArray[np.generic], in_chans: int, white: float, max_pixels: int) -> NDArray[np.uint8]:
    _check_array(values, max_pixels)
    return _to_bands(_scaled(values, white), in_chans)


def _to_bands(pixels: NDArray[np.uint8], in_chans: int) -> NDArray[np.uint8]:
    """uint8 (H, W) or (H, W, C) as (H, W, in_chans)."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    bands = pixels.shape[2]
    if bands == in_chans:
        return pixels
    if bands == 1 and in_chans == 3:
        return np.repeat(pixels, 3, axis=2)
    if bands == 3 and in_chans == 1:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[:, :, None]
    raise _wrong_bands(f"{bands} channel{'s'[: bands - 1]}", in_chans)


def _wrong_bands(found: str, in_chans: int) -> InputError:
    return InputError(
        f"a picture of {found} where {in_chans} are expected", mend=f"give pictures of {in_chans} channels"
    )


def _planes(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 (H, W, C) as a tensor (C, H, W) that owns its memory, in the order it has."""
    owned = pixels if pixels.base is None and pixels.flags.writeable else np.array(pixels, order="C")
    return torch.from_numpy(owned).permute(2, 0, 1)
