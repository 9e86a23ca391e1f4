"""Pictures as they are stored, and what Pillow has of them."""

import io
import struct
import zlib

import numpy as np
import torch
from PIL import Image

H, W = 5, 7


def noise(*shape: int, dtype: type = np.uint8, top: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(0, top, shape).astype(dtype)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def planes(image: Image.Image) -> torch.Tensor:
    """What Pillow itself has, as (C, H, W)."""
    pixels = np.array(image)
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1).copy())


RGB = Image.fromarray(noise(H, W, 3))
RGBA = Image.fromarray(noise(H, W, 4))
GREY = Image.fromarray(noise(H, W))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header alone claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
