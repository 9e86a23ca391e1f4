"""The views of a picture whose answers are averaged: test-time augmentation, the same for every picture."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from smalti.configs import demand

__all__ = ["PLAIN", "Views"]


@dataclass(frozen=True)
class Views:
    """Which views; the picture as it is is always one.

    Args:
        mirror: every view also left for right.
        shift: the picture also moved by so many pixels up and left, and down and right, mirrored at its edges; 0 for
            neither.
    """

    mirror: bool = False
    shift: int = 0

    def __post_init__(self) -> None:
        demand(self.shift >= 0, "views.shift", self.shift, "a whole number of pixels, 0 or more")

    def __len__(self) -> int:
        return (3 if self.shift else 1) * (2 if self.mirror else 1)

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Images (B, C, H, W) to as many of these as there are views, the images themselves first."""
        shown = [images]
        if self.shift:
            H, W = images.shape[-2:]
            padded = F.pad(images, (self.shift,) * 4, mode="reflect")
            shown += [padded[..., at : at + H, at : at + W] for at in (2 * self.shift, 0)]
        return shown + [view.flip(-1) for view in shown] if self.mirror else shown


PLAIN = Views()
"""The picture as it is, and nothing else."""
