"""RandAugment and TrivialAugment on batches: the pictures that drew the same operation are worked on together.

RandAugment: Cubuk et al. 2019, arXiv:1909.13719. TrivialAugment: Müller and Hutter 2021, arXiv:2103.10158. The
operations and ranges are those of the papers, with three differences: a translation is a share of the side at every
picture size (the papers count pixels of one size), what leaves the frame is mirrored in instead of filled with grey,
and colour is left out where there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from smalti.data import colour
from smalti.data.geometry import affine, warp

__all__ = ["BINS", "RAND", "TRIVIAL", "Op", "apply_ops", "available"]

BINS = 31  # magnitudes are one of 0..30, as in both papers


@dataclass(frozen=True)
class Op:
    """An operation and its range.

    Args:
        apply: (images uint8 (G, C, H, W), magnitude (G,)) to images.
        start: the magnitude at strength 0.
        end: the magnitude at strength 1.
        signed: the magnitude is negated for half of the pictures.
        coloured: means nothing unless there are 3 channels.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    start: float = 0.0
    end: float = 0.0
    signed: bool = False
    coloured: bool = False


def _identity(x: Tensor, m: Tensor) -> Tensor:
    return x


def _shear_x(x: Tensor, m: Tensor) -> Tensor:
    return warp(x, affine(x, shear=(m, 0.0)))


def _shear_y(x: Tensor, m: Tensor) -> Tensor:
    return warp(x, affine(x, shear=(0.0, m)))


def _translate_x(x: Tensor, m: Tensor) -> Tensor:
    return warp(x, affine(x, shift=(m, 0.0)))


def _translate_y(x: Tensor, m: Tensor) -> Tensor:
    return warp(x, affine(x, shift=(0.0, m)))


def _rotate(x: Tensor, m: Tensor) -> Tensor:
    return warp(x, affine(x, degrees=m))


def _space(*, shear: float, translate: float, rotate: float, tone: float, bits: float) -> Mapping[str, Op]:
    """The 14 operations of both papers, with their widest magnitudes."""
    return {
        "identity": Op(_identity),
        "shear_x": Op(_shear_x, end=shear, signed=True),
        "shear_y": Op(_shear_y, end=shear, signed=True),
        "translate_x": Op(_translate_x, end=translate, signed=True),
        "translate_y": Op(_translate_y, end=translate, signed=True),
        "rotate": Op(_rotate, end=rotate, signed=True),
        "brightness": Op(lambda x, m: colour.brightness(x, 1 + m), end=tone, signed=True),
        "saturation": Op(lambda x, m: colour.saturation(x, 1 + m), end=tone, signed=True, coloured=True),
        "contrast": Op(lambda x, m: colour.contrast(x, 1 + m), end=tone, signed=True),
        "sharpness": Op(lambda x, m: colour.sharpness(x, 1 + m), end=tone, signed=True),
        "posterize": Op(colour.posterize, start=8, end=bits),
        "solarize": Op(colour.solarize, start=256, end=0),
        "autocontrast": Op(lambda x, m: colour.autocontrast(x)),
        "equalize": Op(lambda x, m: colour.equalize(x)),
    }


RAND = _space(shear=0.3, translate=0.45, rotate=30, tone=0.9, bits=4)
TRIVIAL = _space(shear=0.99, translate=0.45, rotate=135, tone=0.99, bits=2)


def available(space: Mapping[str, Op], in_chans: int) -> tuple[Op, ...]:
    """The operations of a space that mean something for so many channels."""
    return tuple(op for op in space.values() if in_chans == 3 or not op.coloured)


def apply_ops(images: Tensor, ops: tuple[Op, ...], choice: Tensor, strength: Tensor, sign: Tensor) -> Tensor:
    """One operation a picture.

    Args:
        images: uint8 (B, C, H, W).
        ops: what there is to choose from.
        choice: (B,) int64 positions in `ops`.
        strength: (B,) in [0, 1], where between `start` and `end` of the operation.
        sign: (B,) of -1 and 1, for signed operations.
    """
    result = images.clone()
    for k in choice.unique().tolist():
        op, rows = ops[k], (choice == k).nonzero()[:, 0]
        magnitude = op.start + (op.end - op.start) * strength[rows]
        result[rows] = op.apply(images[rows], magnitude * sign[rows] if op.signed else magnitude)
    return result
