"""How a stored picture becomes the tensor a model sees: decided once from the data, carried inside the model file.

Training, evaluation, prediction, search, serving and export all use this one object; that their pixels are equal is a
test.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.configs import demand, demand_words
from smalti.data.decoding.decode import decode
from smalti.data.source import Raw
from smalti.errors import InputError

__all__ = ["Interpolation", "Preprocess", "before_crop", "demand_size", "resize"]

ROUND = {"even": round, "down": int}
_LONG = 32  # sides of the input that are scaled at most, where the middle is cut out of a long thin picture

Fit = Literal["squash", "crop", "pad"]
Interpolation = Literal["bicubic", "bilinear", "nearest"]
Rounding = Literal["even", "down"]


@dataclass(frozen=True)
class Preprocess:
    """Decode, fit to `img_size`, scale to [0, 1], normalise.

    Args:
        img_size: (height, width) of the model's input, in pixels.
        in_chans: channels; 1 turns colour grey, 3 repeats grey, other counts must match the pictures.
        mean: a value a channel, of pixels in [0, 1].
        std: a value a channel, of pixels in [0, 1].
        fit: "squash" scales both sides to fit, every pixel kept; "crop" scales the short side and cuts the middle out;
            "pad" scales the long side and fills with the mean.
        interpolation: of the resize; always anti-aliased.
        crop_pct: the share that is kept: with "crop", of the short side; with "pad", of the long one; with "squash", of
            both.
        crop_rounding: where the middle begins half a pixel further: at the "even" one, as timm and torchvision have it,
            or the one before ("down"), as transformers has it.
        white: the stored value that means white in 16-bit, 32-bit and float pictures (4095 for 12-bit X-rays).
    """

    img_size: tuple[int, int]
    in_chans: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "squash"
    interpolation: Interpolation = "bicubic"
    crop_pct: float = 1.0
    crop_rounding: Rounding = "even"
    white: float = 65535.0

    def __post_init__(self) -> None:
        demand_words(self, "preprocess")
        crop = self.crop_pct
        demand_size(self.img_size)
        demand(self.in_chans >= 1, "preprocess.in_chans", self.in_chans, "1 or more")
        if not len(self.mean) == len(self.std) == self.in_chans:
            raise InputError(
                f"mean and std need {self.in_chans} values, one a channel; got {self.mean} and {self.std}",
                mend="set preprocess.in_chans, preprocess.mean and preprocess.std together",
            )
        demand(all(one > 0 for one in self.std), "preprocess.std", self.std, "numbers above 0")
        demand(0 < crop <= 1, "preprocess.crop_pct", crop, "a number above 0, at most 1")
        demand(self.white > 0, "preprocess.white", self.white, "a number above 0")

    def load(self, raw: Raw) -> Tensor:
        """One stored picture as uint8 (C, H, W) of `img_size`. Raises InputError where it cannot be decoded."""
        image = decode(raw, self.in_chans, white=self.white, target=partial(scaled_size, rule=self))
        return resize(image, self).contiguous()

    def normalize(self, images: Tensor) -> Tensor:
        """uint8 (B, C, H, W) in [0, 255] to float32 of mean 0 and deviation 1 over the data."""
        mean = torch.tensor(self.mean, device=images.device).view(-1, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(-1, 1, 1)
        floats = images.to(torch.float32, copy=True)  # bytes less floats in one call would take longer
        return floats.sub_(mean * 255).div_(std * 255)

    def __call__(self, raws: Iterable[Raw]) -> Tensor:
        """Stored pictures as one float32 batch (B, C, H, W), ready for the model."""
        return self.normalize(torch.stack([self.load(raw) for raw in raws]))

    def with_size(self, img_size: tuple[int, int]) -> Self:
        """The same rule for another input size (training keeps a margin for its crops)."""
        return replace(self, img_size=img_size)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the model file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The object `to_dict` described. Raises InputError on a field it does not know."""
        unknown = set(data) - {f.name for f in fields(cls)}
        if unknown:
            raise InputError(
                f"unknown preprocess fields {sorted(unknown)}", mend="use a newer smalti to read this file"
            )
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)


def demand_size(size: Sequence[int]) -> None:
    """Passes for the (height, width) of pictures; else raises InputError."""
    demand(len(size) == 2 and min(size) >= 1, "preprocess.img_size", size, "a height and a width of 1 or more")


def resize(image: Tensor, rule: Preprocess) -> Tensor:
    """uint8 (C, h, w) fitted to `rule.img_size` as uint8 (C, H, W)."""
    H, W = rule.img_size
    if rule.fit == "crop":
        image = _middle(image, H, W)
    image = _scale(image, scaled_size(*image.shape[-2:], rule=rule), rule.interpolation)
    image = _padded(image, H, W, rule.mean)
    start = ROUND[rule.crop_rounding]
    top, left = start((image.shape[-2] - H) / 2), start((image.shape[-1] - W) / 2)
    return image[:, top : top + H, left : left + W]


def _padded(image: Tensor, H: int, W: int, mean: tuple[float, ...]) -> Tensor:
    """(C, h, w) with the mean around it where a side is shorter than H or W."""
    h, w = image.shape[-2:]
    if h >= H and w >= W:
        return image
    canvas = torch.tensor(mean).mul(255).round().to(torch.uint8).view(-1, 1, 1).repeat(1, max(h, H), max(w, W))
    top, left = max(H - h, 0) // 2, max(W - w, 0) // 2
    canvas[:, top : top + h, left : left + w] = image
    return canvas


def _middle(image: Tensor, H: int, W: int) -> Tensor:
    """Without the far ends of a long thin picture: they are cut off anyway, and scaled first could fill the memory."""
    for axis, here, other in ((-2, H, image.shape[-1] / W), (-1, W, image.shape[-2] / H)):
        length, kept = image.shape[axis], math.ceil(_LONG * here * other)
        if kept < length:
            kept += (length - kept) % 2  # as much from both ends
            image = image.narrow(axis, (length - kept) // 2, kept)
    return image


def scaled_size(h: int, w: int, *, rule: Preprocess) -> tuple[int, int]:
    """The size (height, width) that a picture of (h, w) is scaled to, before it is cropped or padded."""
    tall, wide = (before_crop(side, rule.crop_pct) for side in rule.img_size)
    if rule.fit == "pad":
        scale = min(tall / h, wide / w)
        return max(1, min(tall, round(h * scale))), max(1, min(wide, round(w * scale)))
    if rule.fit == "squash":
        return tall, wide
    whole = int if tall == wide else round  # as torchvision has it for a square, and timm for other shapes
    if tall / h > wide / w:
        return tall, max(wide, whole(tall * w / h))
    return max(tall, whole(wide * h / w)), wide


def before_crop(side: int, crop_pct: float) -> int:
    """Pixels of a side of which `side` are the share `crop_pct`; rounded down, as timm and torchvision do."""
    return int(side / crop_pct + 1e-6)  # 224 / (224 / 248) is a hair less than 248


def _scale(image: Tensor, size: tuple[int, int], interpolation: Interpolation) -> Tensor:
    if tuple(image.shape[-2:]) == size:
        return image
    if size[1] == 1 and image.dtype == torch.uint8:  # torch's kernel for bytes reads past a row that is one pixel wide
        return _scale(image.float(), size, interpolation).round().clamp(0, 255).to(torch.uint8)
    antialias = interpolation != "nearest"
    mode = interpolation if antialias else "nearest-exact"
    return F.interpolate(image[None], size, mode=mode, antialias=antialias)[0]
