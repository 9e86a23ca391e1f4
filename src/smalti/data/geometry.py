"""Where pixels go: crops, flips and affine maps of a whole batch, each picture with its own parameters.

Images are uint8 (B, C, H, W). Whatever a map would fetch from outside a picture is mirrored from inside it. Every
function treats each picture by itself, to the bit: parameters meet pixels in element-wise arithmetic only, since a
matrix product may round differently in a batch of another size.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.data.blocks import by_blocks, to_bytes
from smalti.errors import InputError

__all__ = ["affine", "erase", "flip", "pad_crop", "resized_boxes", "warp"]


def flip(images: Tensor, which: Tensor) -> Tensor:
    """Mirrors the pictures where `which` (B,) bool is True, left to right."""
    rows = torch.arange(len(images), device=images.device) + len(images) * which
    return torch.cat([images, images.flip(3)]).index_select(0, rows)  # three times as fast as writing at a mask


def pad_crop(images: Tensor, top: Tensor, left: Tensor, pad: int) -> Tensor:
    """Pads every side by `pad` mirrored pixels and cuts a window of the old size out.

    Args:
        images: uint8 (B, C, H, W).
        top: (B,) int64 in [0, 2 pad], the window's first row; `pad` is the middle.
        left: (B,) int64 in [0, 2 pad].
        pad: pixels, below both sides.
    """
    H, W = images.shape[-2:]
    if pad >= min(H, W):
        raise InputError(f"crop_pad {pad} is too large for pictures of {H}x{W}", mend=f"use at most {min(H, W) - 1}")
    padded = _mirror(images, pad).contiguous()
    (B, C), (tall, wide) = images.shape[:2], padded.shape[-2:]
    planes = torch.arange(B * C, device=images.device).view(B, C) * tall
    corners = (planes + top[:, None]) * wide + left[:, None]  # (B, C), places in the pixels in a row
    every = padded.numel() - (H - 1) * wide - W + 1  # windows there are, by their corner: a view, rows of it overlap
    windows = padded.as_strided((every, H, W), (1, wide, 1))
    return windows.index_select(0, corners.flatten()).view(B, C, H, W)


def _mirror(images: Tensor, pad: int) -> Tensor:
    if images.is_cpu:
        return F.pad(images, (pad, pad, pad, pad), mode="reflect")
    rows, columns = (  # CUDA pads floats only
        (torch.arange(-pad, side + pad, device=images.device).abs() - (side - 1)).abs().neg() + (side - 1)
        for side in images.shape[-2:]
    )
    return images[:, :, rows][..., columns]


def affine(
    like: Tensor,
    *,
    degrees: Tensor | float = 0.0,
    shift: tuple[Tensor | float, Tensor | float] = (0.0, 0.0),
    zoom: Tensor | float = 1.0,
    shear: tuple[Tensor | float, Tensor | float] = (0.0, 0.0),
) -> Tensor:
    """The maps that turn, enlarge, shear and move pictures about their centre, as `warp` wants them.

    Args:
        like: uint8 (B, C, H, W), the pictures to be warped.
        degrees: (B,) anti-clockwise.
        shift: (B,) each, right and down, as shares of the width and of the height.
        zoom: (B,) above 1 enlarges what is seen.
        shear: (B,) each, tangents: a row moves by shear[0] times its distance from the centre, a column by shear[1].

    Returns:
        (B, 6) float64: x = m0 u + m1 v + m2 and y = m3 u + m4 v + m5, with (u, v) the place of an output pixel and
        (x, y) the place its value comes from, in pixels from the centre.
    """
    B, _, H, W = like.shape
    angle, grow, kx, ky, right, down = (
        torch.as_tensor(value, dtype=torch.float64, device=like.device).expand(B)
        for value in (degrees, zoom, *shear, shift[0], shift[1])
    )
    angle = angle.deg2rad()
    c, s = angle.cos() / grow, angle.sin() / grow
    a, b, d, e = c - s * ky, c * kx - s, s + c * ky, s * kx + c  # rotation times shear, into the source
    u, v = -right * W, -down * H  # an output pixel first goes back by the shift
    return torch.stack([a, b, a * u + b * v, d, e, d * u + e * v], dim=1)


def warp(images: Tensor, maps: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Samples every picture along its map, bilinearly, with one `grid_sample`.

    Args:
        images: uint8 (B, C, S, T).
        maps: (B, 6), see `affine`.
        size: (H, W) of the result; the pictures' own by default. A map that shrinks by more than 2 drops pixels
            (aliasing): store the pictures near the size they are used at.

    Returns:
        uint8 (B, C, H, W).
    """
    return by_blocks(partial(_warp, size=size or (images.shape[2], images.shape[3])), images, maps)


def _warp(images: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    (S, T), (H, W) = images.shape[-2:], size
    u = torch.arange(W, dtype=torch.float32, device=images.device) - (W - 1) / 2
    v = (torch.arange(H, dtype=torch.float32, device=images.device) - (H - 1) / 2)[:, None]
    span = torch.tensor([[2 / T], [2 / S]], device=images.device)  # [-1, 1] spans the picture, pixel edges included
    mu, mv, m0 = (maps.float().view(-1, 2, 3) * span)[:, :, :, None, None].unbind(2)
    grid = (mu * u + m0) + mv * v  # (B, 2, H, W): planes of x and of y are written and read faster than pairs
    sampled = F.grid_sample(images.float(), grid.permute(0, 2, 3, 1), "bilinear", "reflection", align_corners=False)
    return to_bytes(sampled.round_())


def resized_boxes(
    like: Tensor,
    u: Tensor,
    *,
    size: tuple[int, int],
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> Tensor:
    """The maps of random resized crops (Szegedy et al. 2014, arXiv:1409.4842).

    A box whose ratio does not fit into the picture at its area takes the nearest ratio that does, where the usual
    code draws up to ten times and then gives up.

    Args:
        like: uint8 (B, C, S, T), the stored pictures.
        u: (B, 4) uniforms in [0, 1): area, ratio, top, left.
        size: (H, W) of the result, which a box is stretched to.
        area: range of the box's share of the picture's area.
        ratio: range of the box's width over height in pixels, drawn on a log scale.

    Returns:
        (B, 6) for `warp`.
    """
    (S, T), (H, W) = like.shape[-2:], size
    share = area[0] + u[:, 0] * (area[1] - area[0])
    aspect = ratio[0] * (ratio[1] / ratio[0]) ** u[:, 1]
    aspect = aspect.clamp(share * T / S, T / (S * share))
    h, w = (share * S * T / aspect).sqrt(), (share * S * T * aspect).sqrt()
    y, x = (S - h) * (u[:, 2] - 0.5), (T - w) * (u[:, 3] - 0.5)  # of the box's centre
    zero = torch.zeros_like(x)
    return torch.stack([w / W, zero, x, zero, h / H, y], dim=1)


def erase(images: Tensor, boxes: Tensor, fill: Tensor) -> Tensor:
    """Replaces a box of every picture.

    Args:
        images: uint8 (B, C, H, W).
        boxes: (B, 4) int64: first row, row after the last, first column, column after the last; an empty box
            changes nothing.
        fill: uint8, (B, C, 1, 1) or (B, C, H, W).
    """
    H, W = images.shape[-2:]
    rows, columns = torch.arange(H, device=images.device), torch.arange(W, device=images.device)
    tall = (rows >= boxes[:, :1]) & (rows < boxes[:, 1:2])  # (B, H)
    wide = (columns >= boxes[:, 2:3]) & (columns < boxes[:, 3:])  # (B, W)
    return torch.where((tall[:, :, None] & wide[:, None])[:, None], fill, images)
