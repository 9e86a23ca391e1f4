"""Mixing two pictures of a batch and their targets: mixup and cutmix.

Mixup: Zhang et al. 2017, arXiv:1710.09412. CutMix: Yun et al. 2019, arXiv:1905.04899. With both, each batch gets one of
them by a coin toss, as in timm. What is mixed with what is a function of (seed, step).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.configs import demand
from smalti.data.batches import Batch
from smalti.data.randomness import step_seed

__all__ = ["MixConfig", "cutmix", "mix", "mixup", "soft_targets"]


@dataclass(frozen=True)
class MixConfig:
    """How batches are mixed; the default mixes nothing.

    Args:
        mixup: alpha of mixup's Beta(alpha, alpha); 0 turns it off.
        cutmix: alpha of cutmix's Beta(alpha, alpha); 0 turns it off.
        prob: the share of batches that are mixed.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    prob: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mixup", "cutmix"):
            demand(0 <= (value := getattr(self, name)) < np.inf, f"mix.{name}", value, "a number of 0 or more")
        demand(0 <= self.prob <= 1, "mix.prob", self.prob, "a number in [0, 1]")


def mix(batch: Batch, config: MixConfig, *, num_classes: int, seed: int, step: int) -> Batch:
    """The batch with every picture mixed with another of the same batch.

    Args:
        batch: "image" (B, C, H, W) float; "target" (B,) int64 classes or (B, K) float32; other entries stay.
        config: which mix, how strongly.
        num_classes: K.
        seed: of the run.
        step: of the run, counted over epochs.

    Returns:
        A new batch; its "target" is (B, K) float32, also where this step is left unmixed.
    """
    images, targets = batch["image"], soft_targets(batch["target"], num_classes)
    random = np.random.Generator(np.random.Philox(step_seed(seed, "mix", step)))
    coin, which, y, x = random.random(4).tolist()
    cut = config.cutmix > 0 and (config.mixup == 0 or which < 0.5)
    alpha = config.cutmix if cut else config.mixup
    if alpha > 0 and coin < config.prob:
        share = float(random.beta(alpha, alpha))
        partner = torch.from_numpy(random.permutation(len(images))).to(images.device)
        images, share = cutmix(images, partner, share, (y, x)) if cut else (mixup(images, partner, share), share)
        targets = share * targets + (1 - share) * targets[partner]
    return {**batch, "image": images, "target": targets}


def mixup(images: Tensor, partner: Tensor, share: float) -> Tensor:
    """share of each picture + (1 - share) of `images[partner]`."""
    return share * images + (1 - share) * images[partner]


def cutmix(images: Tensor, partner: Tensor, share: float, centre: tuple[float, float]) -> tuple[Tensor, float]:
    """Pastes a box of `images[partner]` into each picture.

    Args:
        images: (B, C, H, W).
        partner: (B,) int64.
        share: wanted share of the old picture; the box has sides sqrt(1 - share) of the picture's.
        centre: (y, x) of the box in [0, 1); a box over the edge is cut there.

    Returns:
        The pictures, and the share of pixels that were kept, exactly.
    """
    H, W = images.shape[-2:]
    side = (1 - share) ** 0.5
    (top, bottom), (left, right) = (
        (max(0, int(length * at) - int(length * side) // 2), min(length, int(length * at) + int(length * side) // 2))
        for length, at in zip((H, W), centre, strict=True)
    )
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[partner, :, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (H * W)


def soft_targets(targets: Tensor, num_classes: int) -> Tensor:
    """(B,) classes as one-hot (B, K) float32; (B, K) targets as they are."""
    if targets.ndim == 1 and not targets.is_floating_point():
        return F.one_hot(targets, num_classes).float()
    if targets.ndim != 2 or targets.shape[1] != num_classes:
        raise ValueError(f"targets {tuple(targets.shape)} are neither (B,) int64 nor (B, {num_classes})")
    return targets.float()
