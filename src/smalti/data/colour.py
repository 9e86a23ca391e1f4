"""What pixels are worth: brightness, contrast and the other tone operations, on batches with a parameter a picture.

Images are uint8 (B, C, H, W) in and out; parameters are (B,). The operations give the bytes that Pillow's
ImageEnhance and ImageOps give; `jitter` rounds once where those would round after every step. Sums over pixels are of
whole numbers, so they are exact in any order: a result does not depend on the batch or on the number of threads.
"""

from functools import lru_cache

import torch
from torch import Tensor

from smalti.data.blocks import by_blocks, to_bytes

__all__ = [
    "autocontrast",
    "brightness",
    "contrast",
    "equalize",
    "jitter",
    "luma",
    "mean_colour",
    "posterize",
    "saturation",
    "sharpness",
    "solarize",
]

LUMA = (19595 / 65536, 38470 / 65536, 7471 / 65536)  # ITU-R 601-2 as Pillow has it: exact on bytes in float32

# RGB to YIQ: the hue of a colour is its angle in the IQ plane.
_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Towards black: 0 is black, 1 the picture, above 1 brighter."""
    return _blend(torch.zeros(()), images, factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Towards the mean grey of the picture: 0 is that grey, 1 the picture."""
    grey = _grey_bytes(images) if images.shape[1] == 3 else images
    mean = _channel_means(grey).mean(1, keepdim=True)
    return _blend((mean + 0.5).floor(), images, factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Towards grey: 0 is the grey picture, 1 the picture. RGB; other channel counts have no colour and stay."""
    if images.shape[1] != 3:
        return images
    return _blend(_grey_bytes(images), images, factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Towards a blur of 3 x 3 pixels: 0 is the blurred picture, 1 the picture, above 1 sharper. Edges stay."""
    if min(images.shape[-2:]) < 3:
        return images
    x = images.float()
    rows = x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]
    blurred = x.clone()
    box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    blurred[:, :, 1:-1, 1:-1] = ((box + 4 * x[:, :, 1:-1, 1:-1]) / 13).round()
    return _blend(blurred, x, factor)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keeps the `bits` (B,) highest bits of every value: 8 is the picture."""
    mask = 256 - 2 ** (8 - bits.round().long())
    return images & _each(mask).to(torch.uint8)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Inverts the values at or above `threshold` (B,): 256 is the picture, 0 its negative."""
    return torch.where(images >= _each(threshold), 255 - images, images)


def autocontrast(images: Tensor) -> Tensor:
    """Stretches every channel to [0, 255]; a channel of one value stays."""
    low, high = images.amin((2, 3), keepdim=True).double(), images.amax((2, 3), keepdim=True).double()
    flat = high == low
    scale = torch.where(flat, 1.0, torch.full_like(low, 255) / (high - low))  # a plain 255 / x is rounded twice
    offset = torch.where(flat, 0.0, -low * scale)
    return (images * scale + offset).clamp_(0, 255).to(torch.uint8)


def equalize(images: Tensor) -> Tensor:
    """Spreads the values of every channel so that their histogram is flat; a channel of one value stays."""
    B, C, H, W = images.shape
    planes = images.reshape(B * C, H * W).long()
    counts = planes.new_zeros(B * C, 256).scatter_add_(1, planes, torch.ones_like(planes))
    last = counts.gather(1, planes.amax(1, keepdim=True))  # pixels of the highest value, not spread any further
    step = (H * W - last) // 255
    below = counts.cumsum(1) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    table = torch.where(step == 0, torch.arange(256, device=images.device), table).to(torch.uint8)
    return table.gather(1, planes).reshape(images.shape)


def jitter(images: Tensor, bright: Tensor, contrasts: Tensor, chroma: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Brightness, then contrast, saturation and hue, as one linear map of the colours and one rounding.

    Args:
        images: uint8 (B, C, H, W).
        bright: (B,) factor, 1 leaves the picture.
        contrasts: (B,) factor about the mean grey, 1 leaves the picture.
        chroma: for 3 channels, (B,) factor about each pixel's grey, 1 leaves the picture, and (B,) turns of the
            colour circle (hue, by YIQ), 0 leaves the picture.
    """
    if chroma is None:
        return by_blocks(_tone_jitter, images, bright, contrasts)
    factor = bright * contrasts
    return by_blocks(_colour_jitter, images, bright - factor, factor[:, None, None] * _chroma_matrix(*chroma))


def _tone_jitter(images: Tensor, bright: Tensor, contrasts: Tensor) -> Tensor:
    x = images.float()
    offset = (1 - contrasts) * bright * _mean_grey(x)[:, 0, 0, 0]
    return _bytes(x.mul_(_each(bright * contrasts)).add_(_each(offset)))


def _colour_jitter(images: Tensor, grey: Tensor, matrix: Tensor) -> Tensor:
    """Colours times `matrix` (B, 3, 3) plus `grey` (B,) times the mean grey, which chroma maps leave as it is."""
    x = images.float()
    offset = (grey * _mean_grey(x)[:, 0, 0, 0]).float()[:, None, None]
    factors = matrix.float()[..., None, None]
    red, green, blue = x.unbind(1)
    mixed = torch.empty_like(x)
    for k, plane in enumerate(mixed.unbind(1)):
        r, g, b = factors[:, k].unbind(1)
        torch.addcmul(offset, red, r, out=plane).addcmul_(green, g).addcmul_(blue, b)
    return _bytes(mixed)


def mean_colour(images: Tensor) -> Tensor:
    """The mean of every channel: uint8 (B, C, 1, 1)."""
    return _channel_means(images).round().to(torch.uint8)


def _chroma_matrix(saturate: Tensor, hue: Tensor) -> Tensor:
    """(B, 3, 3) float64: scales chroma and turns it by `hue` turns, the identity for 1 and 0."""
    keep, chroma, across = _chroma_parts(hue.device)
    angle = hue.double() * (2 * torch.pi)
    c, s = (saturate.double() * part for part in (angle.cos(), angle.sin()))
    return keep + c[:, None, None] * chroma + s[:, None, None] * across


@lru_cache(maxsize=8)
def _chroma_parts(device: torch.device) -> Tensor:
    """(3, 3, 3): the maps of RGB that keep its grey, keep its chroma, and turn that by a right angle."""
    yiq = torch.tensor(_YIQ, dtype=torch.float64)
    inverse = torch.linalg.inv(yiq)
    grey, i, q = (inverse[:, k, None] * yiq[k] for k in range(3))
    return torch.stack([grey, i + q, inverse[:, 2, None] * yiq[1] - inverse[:, 1, None] * yiq[2]]).to(device)


def _channel_means(images: Tensor) -> Tensor:
    """(B, C, 1, 1) float64; row sums are whole numbers below 2**24, so every partial sum is exact."""
    return images.float().sum(3, keepdim=True).double().sum(2, keepdim=True) / (images.shape[2] * images.shape[3])


def _mean_grey(images: Tensor) -> Tensor:
    """The mean of the grey picture: (B, 1, 1, 1) float64."""
    means = _channel_means(images)
    return luma(means) if images.shape[1] == 3 else means.mean(1, keepdim=True)


def luma(x: Tensor) -> Tensor:
    """RGB (B, 3, H, W) to luma (B, 1, H, W)."""
    return x[:, :1] * LUMA[0] + x[:, 1:2] * LUMA[1] + x[:, 2:] * LUMA[2]


def _grey_bytes(images: Tensor) -> Tensor:
    """The luma of bytes, rounded: whole numbers in float32."""
    return (luma(images.float()) + 0.5).floor_()


def _blend(start: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """start + factor (images - start), cut to a byte from below, as Pillow does."""
    start = start.float()
    return to_bytes(((images - start) * _each(factor) + start).clamp_(0, 255))


def _each(values: Tensor) -> Tensor:
    """(B,) as (B, 1, 1, 1) float32, to meet (B, C, H, W)."""
    return values.float()[:, None, None, None]


def _bytes(x: Tensor) -> Tensor:
    """Rounds to the nearest value a byte holds."""
    return to_bytes(x.round_().clamp_(0, 255))
