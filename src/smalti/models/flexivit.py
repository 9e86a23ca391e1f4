"""FlexiViT: one set of weights for several patch sizes (arXiv:2212.08013).

Each training step cuts its pictures into patches of another size, drawn from a list; the weights of a patch and the
table of positions, stored for one size, are resized to it. Afterwards the patch size is a knob: small patches are more
tokens and better answers, large ones fewer and faster. State-dict names are those of `models.vit`, so weights of a
plain ViT with the stored patch size load as they are, and `at_patch_size` gives a plain ViT of any of the sizes.
"""

import math
from dataclasses import dataclass, fields
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.configs import demand
from smalti.embed import patchify, resize_patches, resize_positions
from smalti.errors import InputError
from smalti.models.cct import SMALL
from smalti.models.images import check_images
from smalti.models.vit import TRUNKS, ViT, ViTConfig
from smalti.nn.blank import Blank

__all__ = ["PRESETS", "DrawnSize", "FlexiViT", "FlexiViTConfig", "at_patch_size"]


@dataclass(frozen=True)
class FlexiViTConfig(ViTConfig):
    """A `ViTConfig` with learned positions, and the patch sizes that it is trained for.

    Args:
        patch_sizes: sides of a patch that training draws from. `patch_size` is one of them: the one that weights and
            positions are stored for, and that the model answers with by itself.
    """

    patch_sizes: tuple[int, ...] = (8, 16, 32)

    def __post_init__(self) -> None:
        super().__post_init__()
        for size in self.patch_sizes:
            demand(size >= 1, "patch_sizes", self.patch_sizes, "of numbers of 1 or more")
        whole = math.lcm(*self.patch_sizes)
        if wrong := [side for side in self.size if side % whole]:
            below, above = wrong[0] // whole * whole, (wrong[0] // whole + 1) * whole
            fits = " or ".join(map(str, filter(None, (below, above))))
            what = f"img_size {wrong[0]} is not a multiple of all patch_sizes {self.patch_sizes}"
            raise InputError(what, mend=f"use {fits}, or patch_sizes that divide it")
        demand(self.patch_size in self.patch_sizes, "patch_size", self.patch_size, f"one of {self.patch_sizes}")
        demand(self.stem == "patch", "stem", self.stem, '"patch": convolutions have a size of their own')
        demand(self.pos_embed == "learned", "pos_embed", self.pos_embed, '"learned"')
        demand(self.rope == "none", "rope", self.rope, '"none": angles are made for one grid')
        demand(self.conv_blocks == 0, "conv_blocks", self.conv_blocks, "0: they are made for one grid")
        demand(not self.rel_bias, "rel_bias", self.rel_bias, "false: it is made for one grid")


class DrawnSize(nn.Module):
    """One of several sizes: in training drawn for each forward pass from torch's generator, so that in the one loop it
    is a function of (seed, step); else the usual one."""

    def __init__(self, sizes: tuple[int, ...], usual: int) -> None:
        super().__init__()
        self.sizes, self.usual = sizes, usual

    def forward(self) -> int:
        """A size."""
        return self.sizes[int(torch.randint(len(self.sizes), (), device="cpu"))] if self.training else self.usual

    def extra_repr(self) -> str:
        """The sizes, for printing."""
        return f"{self.sizes}, usual={self.usual}"


class FlexiViT(ViT):
    """A ViT whose patches have one of several sizes; the rest of it never knows which."""

    def __init__(self, config: FlexiViTConfig) -> None:
        super().__init__(config)
        self.config: FlexiViTConfig = config
        self.drawn_size = DrawnSize(config.patch_sizes, config.patch_size)

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to tokens (B, N, D), N as the patch size has it, with their positions."""
        check_images(images, self.config.in_chans, self.config.size)
        patch_size = self.drawn_size()
        weight, positions = self.resized(patch_size)
        patches = F.linear(patchify(images, patch_size), weight.flatten(1), self.patch_embed.proj.bias)
        return self.pos_drop(self.place(self.prefix_tokens(), patches, positions))

    def resized(self, patch_size: int) -> tuple[Tensor, Tensor]:
        """The weights (D, C, P, P) and positions (1, N, D) for patches of side P."""
        (H, W), prefix = self.config.size, self.config.num_prefix_tokens if self.config.pos_prefix else 0
        grid_size = (H // patch_size, W // patch_size)
        positions = resize_positions(cast(Tensor, self.pos_embed), self.grid_size, grid_size, prefix)
        return resize_patches(self.patch_embed.proj.weight, patch_size), positions


def at_patch_size(model: nn.Module, patch_size: int) -> ViT:
    """A plain ViT with the weights of a FlexiViT for patches of one size, which it was trained for.

    Raises:
        InputError: the model is no FlexiViT, or was not trained for this size.
    """
    if not isinstance(model, FlexiViT):
        raise InputError(
            f"the patch size of this {type(model).__name__} is settled",
            why="it was trained for one",
            mend='train a "flexivit" preset to choose afterwards',
        )
    config = model.config
    demand(patch_size in config.patch_sizes, "patch_size", patch_size, f"one of {config.patch_sizes}")
    options: dict[str, Any] = {field.name: getattr(config, field.name) for field in fields(ViTConfig)}
    with Blank():
        plain = ViT(ViTConfig(**{**options, "patch_size": patch_size})).to(cast(Tensor, model.pos_embed))
    with torch.no_grad():
        weight, positions = model.resized(patch_size)
    plain.load_state_dict({**model.state_dict(), "patch_embed.proj.weight": weight, "pos_embed": positions})
    return plain.train(model.training)


def presets() -> dict[str, FlexiViTConfig]:
    """The published sizes under timm's names, then sizes for pictures of 8 to 128 pixels."""
    paper = (8, 10, 12, 15, 16, 20, 24, 30, 40, 48)
    table = {
        f"flexivit_{name}": FlexiViTConfig(240, 16, **TRUNKS[name], pos_prefix=False, patch_sizes=paper)
        for name in ("small", "base", "large")
    }
    patches = {  # image size: the stored patch size, all of them
        8: (2, (1, 2, 4)),
        16: (4, (2, 4, 8)),
        28: (7, (4, 7, 14)),
        32: (8, (4, 8, 16)),
        48: (8, (4, 6, 8, 12, 16)),
        64: (8, (4, 8, 16)),
        96: (12, (6, 8, 12, 16, 24)),
        128: (16, (8, 16, 32)),
    }
    # A mimetic start holds patches of several sizes back: after 240 steps flexivit_mini_8 tells 49 % of the digits by
    # its patches of 2, after a random one 83 %.
    for name in ("mini", "midi"):
        for size, (stored, sizes) in patches.items():
            table[f"flexivit_{name}_{size}"] = FlexiViTConfig(
                size, stored, num_classes=10, pos_prefix=False, patch_sizes=sizes, **SMALL[name]
            )
    return table


PRESETS = presets()
