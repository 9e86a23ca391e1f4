"""Pictures as data URIs, small enough to carry many of them in one page."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["InlinePicture", "inline_picture"]

SIDE = 160  # pixels a side at most
LOSSLESS = 64  # up to this side (pixels) a picture stays as it is, every pixel visible; larger ones are photographs


@dataclass(frozen=True)
class InlinePicture:
    """A picture inside the page.

    Args:
        uri: "data:image/...;base64,...".
        width: in stored pixels.
        height: likewise.
        tiny: shown enlarged, with hard pixel edges.
    """

    uri: str
    width: int
    height: int
    tiny: bool


def inline_picture(picture: NDArray[np.uint8]) -> InlinePicture:
    """uint8 (H, W) or (H, W, C) as a data URI of at most 160 pixels a side: PNG while small, JPEG for photographs.

    One channel is grey, two show the first, more than three show the first three.
    """
    from PIL import Image

    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"a picture is uint8 (H, W) or (H, W, C), got {pixels.dtype} {pixels.shape}")
    if pixels.ndim == 3:
        pixels = pixels[..., 0] if pixels.shape[2] < 3 else pixels[..., :3]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    tiny = max(image.size) <= LOSSLESS
    if not tiny:
        image.thumbnail((SIDE, SIDE))
    stored = io.BytesIO()
    if tiny:
        image.save(stored, "PNG", optimize=True)
    else:
        image.save(stored, "JPEG", quality=86, optimize=True)
    uri = f"data:image/{'png' if tiny else 'jpeg'};base64,{base64.b64encode(stored.getvalue()).decode()}"
    return InlinePicture(uri, image.width, image.height, tiny)
