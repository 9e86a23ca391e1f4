"""Augmentation of batches as a pure function of (seed, epoch, sample id).

A config is turned once into a short list of parts; a part draws its numbers and calls one function of `geometry` or
`colour`. A sample looks the same whatever batch it is in, and a range of zero is the identity.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from smalti.configs import demand_words
from smalti.data import colour, geometry
from smalti.data.autoaugment import BINS, RAND, TRIVIAL, Op, apply_ops, available
from smalti.data.randomness import uniforms
from smalti.errors import InputError

__all__ = ["AugmentConfig", "augment"]


@dataclass(frozen=True)
class AugmentConfig:
    """What is varied in training pictures, and how far. The default varies nothing.

    Args:
        crop: "pad" shifts by up to `crop_pad` pixels over mirrored borders; "resized" cuts a box of `crop_area` and
            `crop_ratio` out of the stored picture and stretches it to the input size; "none" keeps the frame.
        crop_pad: pixels.
        crop_area: range of the box's share of the area, in (0, 1].
        crop_ratio: range of the box's width over height.
        flip: left to right: "random" tosses a coin a sample an epoch; "alternate" tosses it once and turns the sample
            over every epoch, so that two epochs show both views (Jordan 2024, arXiv:2404.00498).
        rotate: up to so many degrees either way.
        translate: up to this share of the side, each way.
        zoom: range of enlargement; (1, 1) keeps the size.
        brightness: factor drawn from 1 +- this.
        contrast: factor drawn from 1 +- this.
        saturation: factor drawn from 1 +- this; pictures of 3 channels only.
        hue: turns of the colour circle drawn from +- this, in [0, 0.5]; pictures of 3 channels only.
        auto: "trivial" applies one operation of random strength (TrivialAugment wide, arXiv:2103.10158); "rand"
            `auto_ops` operations of strength `auto_magnitude` (RandAugment, arXiv:1909.13719).
        auto_ops: operations in a row.
        auto_magnitude: in [0, 30].
        erase: the share of samples that lose a box (random erasing, arXiv:1708.04896).
        erase_area: range of the box's share of the area.
        erase_fill: "mean", the picture's own mean colour, or "noise".
    """

    crop: Literal["none", "pad", "resized"] = "none"
    crop_pad: int = 4
    crop_area: tuple[float, float] = (0.35, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: Literal["none", "random", "alternate"] = "none"
    rotate: float = 0.0
    translate: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    auto: Literal["none", "trivial", "rand"] = "none"
    auto_ops: int = 2
    auto_magnitude: int = 9
    erase: float = 0.0
    erase_area: tuple[float, float] = (0.02, 1 / 3)
    erase_fill: Literal["mean", "noise"] = "mean"

    def __post_init__(self) -> None:
        demand_words(self, "augment")
        for name, top in (
            ("rotate", 180.0),
            ("translate", 1.0),
            ("brightness", 1.0),
            ("contrast", 1.0),
            ("saturation", 1.0),
            ("hue", 0.5),
            ("erase", 1.0),
        ):
            _check(name, value := getattr(self, name), 0 <= value <= top, f"a number in [0, {top:g}]")
        for name, top in (("crop_area", 1.0), ("crop_ratio", np.inf), ("zoom", np.inf), ("erase_area", 1.0)):
            value = tuple(getattr(self, name))
            object.__setattr__(self, name, value)  # a list, as run.toml holds it, would not hash
            fits = len(value) == 2 and 0 < value[0] <= value[1] <= top
            _check(name, value, fits, f"(low, high) with 0 < low <= high{f' <= {top:g}' if top < np.inf else ''}")
        _check("crop_pad", self.crop_pad, self.crop_pad >= 0, "a whole number of pixels, 0 or more")
        _check("auto_ops", self.auto_ops, self.auto_ops >= 1, "1 or more")
        _check("auto_magnitude", self.auto_magnitude, 0 <= self.auto_magnitude < BINS, f"in [0, {BINS - 1}]")


def augment(
    images: Tensor,
    ids: Tensor | NDArray[np.int64],
    *,
    config: AugmentConfig,
    out_size: tuple[int, int],
    seed: int,
    epoch: int,
) -> Tensor:
    """The training view of a batch.

    Args:
        images: uint8 (B, C, S, T), as stored, on any device. Where (S, T) is not `out_size`, crop "resized" samples
            its boxes from the stored pixels; the others first scale the whole picture to `out_size`, anti-aliased.
        ids: (B,) positions of the samples in their source.
        config: what is varied.
        out_size: (H, W) of the model's input.
        seed: of the run.
        epoch: from 0.

    Returns:
        uint8 (B, C, H, W), a function of each picture, its id, seed and epoch alone, to the bit on one kind of device;
        another kind may round a pixel to the next grey level.
    """
    positions = ids.cpu().numpy() if isinstance(ids, Tensor) else np.asarray(ids, dtype=np.int64)
    view = View(seed, epoch, positions, images.device)
    for part in _parts(config, images.shape[1], tuple(images.shape[2:]), tuple(out_size)):
        images = part(images, view)
    return images


@dataclass(frozen=True)
class View:
    """Which random numbers a batch gets: those of `ids` (B,) in this epoch of this seed, on `device`."""

    seed: int
    epoch: int
    ids: NDArray[np.int64]
    device: torch.device

    def draw(self, purpose: str, count: int) -> Tensor:
        """(B, count) float64 in [0, 1)."""
        return uniforms(self.seed, self.epoch, self.ids, count, purpose=purpose).to(self.device)


Part = Callable[[Tensor, View], Tensor]


@lru_cache(maxsize=64)
def _parts(
    config: AugmentConfig, in_chans: int, stored: tuple[int, int], out_size: tuple[int, int]
) -> tuple[Part, ...]:
    """The parts a config asks for, in the order they are applied."""
    c = config
    parts: list[Part] = []
    if c.crop == "resized":
        parts.append(_ResizedCrop(out_size, c.crop_area, c.crop_ratio))
    elif stored != out_size:
        parts.append(_Scale(out_size))
    if c.crop == "pad" and c.crop_pad:
        parts.append(_PadCrop(c.crop_pad))
    if c.flip != "none":
        parts.append(_RandomFlip() if c.flip == "random" else _AlternateFlip())
    if c.rotate or c.translate or c.zoom != (1.0, 1.0):
        parts.append(_Affine(c.rotate, c.translate, c.zoom))
    if c.auto != "none":
        ops = available(TRIVIAL if c.auto == "trivial" else RAND, in_chans)
        parts.append(_Trivial(ops) if c.auto == "trivial" else _Rand(ops, c.auto_ops, c.auto_magnitude))
    if in_chans == 3 and (c.saturation or c.hue):
        parts.append(_ColourJitter(c.brightness, c.contrast, c.saturation, c.hue))
    elif c.brightness or c.contrast:
        parts.append(_ToneJitter(c.brightness, c.contrast))
    if c.erase:
        parts.append(_Erase(c.erase, c.erase_area, _noise if c.erase_fill == "noise" else _mean))
    return tuple(parts)


@dataclass(frozen=True)
class _Scale:
    size: tuple[int, int]

    def __call__(self, images: Tensor, view: View) -> Tensor:
        if images.is_cpu:
            return F.interpolate(images, self.size, mode="bilinear", antialias=True)
        scaled = F.interpolate(images.float(), self.size, mode="bilinear", antialias=True)  # CUDA scales floats only
        return scaled.round_().to(torch.uint8)


@dataclass(frozen=True)
class _ResizedCrop:
    size: tuple[int, int]
    area: tuple[float, float]
    ratio: tuple[float, float]

    def __call__(self, images: Tensor, view: View) -> Tensor:
        u = view.draw("crop", 4)
        maps = geometry.resized_boxes(images, u, size=self.size, area=self.area, ratio=self.ratio)
        return geometry.warp(images, maps, self.size)


@dataclass(frozen=True)
class _PadCrop:
    pad: int

    def __call__(self, images: Tensor, view: View) -> Tensor:
        top, left = (view.draw("crop", 2) * (2 * self.pad + 1)).long().unbind(1)
        return geometry.pad_crop(images, top, left, self.pad)


@dataclass(frozen=True)
class _RandomFlip:
    def __call__(self, images: Tensor, view: View) -> Tensor:
        return geometry.flip(images, view.draw("flip", 1)[:, 0] < 0.5)


@dataclass(frozen=True)
class _AlternateFlip:
    def __call__(self, images: Tensor, view: View) -> Tensor:
        first = replace(view, epoch=0).draw("flip", 1)[:, 0] < 0.5
        return geometry.flip(images, first ^ bool(view.epoch % 2))


@dataclass(frozen=True)
class _Affine:
    rotate: float
    translate: float
    zoom: tuple[float, float]

    def __call__(self, images: Tensor, view: View) -> Tensor:
        u = view.draw("affine", 4)
        angle, right, down = (2 * u[:, :3] - 1).unbind(1)
        low, high = self.zoom
        maps = geometry.affine(
            images,
            degrees=self.rotate * angle,
            shift=(self.translate * right, self.translate * down),
            zoom=low + (high - low) * u[:, 3],
        )
        return geometry.warp(images, maps)


@dataclass(frozen=True)
class _Trivial:
    ops: tuple[Op, ...]

    def __call__(self, images: Tensor, view: View) -> Tensor:
        choice, strength, sign = view.draw("auto", 3).unbind(1)
        strength = (strength * BINS).floor() / (BINS - 1)
        return apply_ops(images, self.ops, (choice * len(self.ops)).long(), strength, _sign(sign))


@dataclass(frozen=True)
class _Rand:
    ops: tuple[Op, ...]
    count: int
    magnitude: int

    def __call__(self, images: Tensor, view: View) -> Tensor:
        u = view.draw("auto", 2 * self.count)
        strength = u.new_full((len(images),), self.magnitude / (BINS - 1))
        for choice, sign in u.view(-1, self.count, 2).permute(1, 2, 0):
            images = apply_ops(images, self.ops, (choice * len(self.ops)).long(), strength, _sign(sign))
        return images


@dataclass(frozen=True)
class _ToneJitter:
    brightness: float
    contrast: float

    def __call__(self, images: Tensor, view: View) -> Tensor:
        u = 2 * view.draw("jitter", 2) - 1
        return colour.jitter(images, 1 + self.brightness * u[:, 0], 1 + self.contrast * u[:, 1])


@dataclass(frozen=True)
class _ColourJitter:
    brightness: float
    contrast: float
    saturation: float
    hue: float

    def __call__(self, images: Tensor, view: View) -> Tensor:
        u = 2 * view.draw("jitter", 4) - 1
        bright, contrast = 1 + self.brightness * u[:, 0], 1 + self.contrast * u[:, 1]
        return colour.jitter(images, bright, contrast, (1 + self.saturation * u[:, 2], self.hue * u[:, 3]))


@dataclass(frozen=True)
class _Erase:
    probability: float
    area: tuple[float, float]
    fill: Callable[[Tensor, View], Tensor]

    def __call__(self, images: Tensor, view: View) -> Tensor:
        H, W = images.shape[-2:]
        u = view.draw("erase", 5)
        rows = (u[:, 0] < self.probability).nonzero()[:, 0]
        if not len(rows):
            return images
        chosen, u = images[rows], u[rows]
        area = (self.area[0] + u[:, 1] * (self.area[1] - self.area[0])) * (H * W)
        ratio = 0.3 * (1 / 0.3**2) ** u[:, 2]  # height over width in [0.3, 1/0.3], as in the paper
        h = (area * ratio).sqrt().round().clamp(1, H)
        w = (area / ratio).sqrt().round().clamp(1, W)
        top, left = (u[:, 3] * (H - h + 1)).floor(), (u[:, 4] * (W - w + 1)).floor()
        boxes = torch.stack([top, top + h, left, left + w], dim=1).long()
        part = replace(view, ids=view.ids[rows.cpu().numpy()])
        result = images.clone()
        result[rows] = geometry.erase(chosen, boxes, self.fill(chosen, part))
        return result


def _mean(images: Tensor, view: View) -> Tensor:
    return colour.mean_colour(images)


def _noise(images: Tensor, view: View) -> Tensor:
    return (view.draw("noise", images[0].numel()) * 256).to(torch.uint8).view_as(images)


def _sign(u: Tensor) -> Tensor:
    """(B,) uniforms to -1 and 1."""
    return torch.where(u < 0.5, -1.0, 1.0)


def _check(name: str, value: object, fits: bool, expected: str) -> None:
    if not fits:
        mend = f"give augment.{name} a value that is {expected}"
        raise InputError(f"{name} {value!r} is not {expected}", where="augment", mend=mend)
