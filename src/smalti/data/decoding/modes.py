"""Pillow's modes: what a picture of each of them holds, and its pixels as bytes. Palettes, CMYK and LAB become RGB;
what can be seen through lies over white."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smalti.data.decoding.bands import to_bands, wrong_bands
from smalti.data.decoding.depth import scaled

__all__ = ["bits_of", "is_grey", "to_pixels"]


def bits_of(mode: str) -> int:
    """Of a stored value: 8, 16 or 32."""
    return 16 if mode.startswith("I;16") else 32 if mode in ("I", "F") else 8


def is_grey(image: Image.Image) -> bool:
    """Whether the picture has no colour: by its mode, or by the entries of its palette."""
    if image.mode not in ("P", "PA"):
        return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;")
    palette = image.palette
    if palette is None or not palette.palette or not palette.mode.startswith("RGB"):
        return False
    colours = np.frombuffer(bytes(palette.palette), np.uint8)
    colours = colours[: len(colours) // len(palette.mode) * len(palette.mode)].reshape(-1, len(palette.mode))
    return bool((colours[:, :1] == colours[:, 1:3]).all())


def to_pixels(image: Image.Image, in_chans: int, white: float) -> NDArray[np.uint8]:
    """A loaded, upright picture as uint8 (H, W, in_chans).

    Raises:
        InputError: its channels cannot become `in_chans`, or it holds NaN.
    """
    if bits_of(image.mode) > 8:
        return to_bands(_deep(image, white), in_chans)
    if in_chans == 4 and _has_alpha(image) and not is_grey(image):
        return np.asarray(image.convert("RGBA"))
    if in_chans not in (1, 3):
        bands = "1 channel" if is_grey(image) else "3 channels"
        raise wrong_bands(f"{bands}{' and transparency' if _has_alpha(image) else ''}", in_chans)
    image, mode = _plain(image), "L" if in_chans == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    # not np.asarray: reading the bytes out is the cheaper way for small pictures
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, in_chans)


def _deep(image: Image.Image, white: float) -> NDArray[np.uint8]:
    """(H, W) of a grey picture of more than 8 bits; the value that stands for transparent is white."""
    values, key = np.asarray(image), image.info.get("transparency")
    pixels = scaled(values, white)
    return pixels if key is None else np.where(values == key, np.uint8(255), pixels)


def _plain(image: Image.Image) -> Image.Image:
    """In L or RGB, with nothing to see through."""
    if _has_alpha(image):
        return _over_white(image)
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """Composited over white, in RGB, or in L where the picture is grey with alpha."""
    grey = image.mode in ("1", "L", "LA", "La")
    image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, "LA" if grey else "RGBA"))
    canvas = Image.new("L" if grey else "RGB", image.size, "white")
    colours = image.getchannel(0) if grey else image.convert("RGB")
    canvas.paste(colours, mask=image.getchannel("A"))
    return canvas


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
