"""Swin: the Transformer in windows, in stages whose grids halve (arXiv:2103.14030).

The block is that of every model; its attention sees one window at a time, and every second block's windows are shifted
by half. Between stages four neighbours become one token of twice the width. Parameters carry timm's names, but for the
bias of an offset (`weights.timm`).

Shapes: B batch, C channels, H x W pixels, N tokens of the last grid, D width of the last stage.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.configs import demand
from smalti.embed import PatchEmbed
from smalti.models.images import ImageConfig, check_images
from smalti.nn import Block, LastLinear, Mlp, RelativeBias, Residual, WindowAttention

__all__ = ["PRESETS", "PatchMerging", "Stage", "Swin", "SwinConfig", "neighbours"]


@dataclass(frozen=True)
class SwinConfig(ImageConfig):
    """What a Swin is made of.

    Args:
        img_size: (H, W) in pixels, or one number for a square.
        patch_size: side of a patch of the first grid.
        in_chans: channels C of the image.
        num_classes: outputs of the head; 0 leaves the features.
        embed_dim: width of the first stage; each later one is twice as wide as the one before.
        depths: blocks of each stage.
        num_heads: heads of each stage.
        window: side of a window, in tokens.
        mlp_ratio: width of the MLP over that of its stage.
        qkv_bias: a bias on queries, keys and values.
        drop_rate: dropout of MLP and head.
        attn_drop: dropout of attention weights.
        drop_path_rate: stochastic depth of the last block; earlier ones ramp up to it from zero.
    """

    img_size: int | tuple[int, int] = 224
    patch_size: int = 4
    in_chans: int = 3
    num_classes: int = 1000
    embed_dim: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    drop_rate: float = 0.0
    attn_drop: float = 0.0
    drop_path_rate: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("patch_size", "embed_dim", "window"):
            demand(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        demand(min(self.depths, default=0) >= 1, "depths", self.depths, "1 or more for each stage")
        same = len(self.num_heads) == len(self.depths) and min(self.num_heads) >= 1
        demand(same, "num_heads", self.num_heads, f"{len(self.depths)} numbers, one a stage")
        demand(self.mlp_ratio * self.embed_dim >= 1, "mlp_ratio", self.mlp_ratio, "a number above 0")
        for name in ("drop_rate", "attn_drop", "drop_path_rate"):
            demand(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share in [0, 1)")


class PatchMerging(nn.Module):
    """Four neighbours of a grid become one token: their widths joined, normed, and projected to `out_dim`."""

    def __init__(self, grid_size: tuple[int, int], dim: int, out_dim: int) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, out_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, h * w, dim) to tokens (B, ceil(h / 2) * ceil(w / 2), out_dim)."""
        return self.reduction(self.norm(neighbours(x, self.grid_size)))


def neighbours(x: Tensor, grid_size: tuple[int, int]) -> Tensor:
    """Tokens (B, h * w, D) to their 2 x 2 neighbourhoods (B, ceil(h / 2) * ceil(w / 2), 4 D); zeros stand beyond the
    edge."""
    h, w = grid_size
    x = F.pad(x.unflatten(1, (h, w)), (0, 0, 0, w % 2, 0, h % 2))
    x = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))  # (B, h / 2, 2, w / 2, 2, D)
    return x.permute(0, 1, 3, 4, 2, 5).flatten(3).flatten(1, 2)  # down before right, as the paper joins them


class Stage(nn.Module):
    """Blocks on one grid, behind what made the grid."""

    def __init__(self, downsample: nn.Module, blocks: list[Block]) -> None:
        super().__init__()
        self.downsample = downsample
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of the stage before to tokens of this one."""
        x = self.downsample(x)
        for block in self.blocks:
            x = block(x)
        return x


class Swin(nn.Module):
    """A Transformer in windows.

    `forward` gives logits (B, num_classes) for images (B, C, H, W); `forward_features` the tokens after the last norm,
    `forward_head` what is read from them.

    Args:
        config: the sizes.
        block: builds block (stage, index in it, grid_size, drop_path); `build_block` by default.
        merging: makes what stands between two stages from (grid_size, dim, out_dim).
    """

    def __init__(
        self,
        config: SwinConfig,
        block: Callable[[int, int, tuple[int, int], float], Block] | None = None,
        merging: Callable[[tuple[int, int], int, int], nn.Module] = PatchMerging,
    ) -> None:
        super().__init__()
        self.config = config
        D = config.embed_dim * 2 ** (len(config.depths) - 1)
        self.patch_embed = PatchEmbed(
            config.size, config.patch_size, config.in_chans, config.embed_dim, norm=nn.LayerNorm(config.embed_dim)
        )
        block = block or partial(build_block, config)
        self.layers = nn.ModuleList(build_stages(config, self.patch_embed.grid_size, block, merging))
        self.norm = nn.LayerNorm(D)
        self.head_drop = nn.Dropout(config.drop_rate)
        head = LastLinear(D, config.num_classes) if config.num_classes else nn.Identity()
        self.head = nn.Sequential(OrderedDict(fc=head))
        self.init_weights()

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, num_classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to the tokens of the last grid (B, N, D)."""
        check_images(images, self.config.in_chans, self.config.size)
        x = self.patch_embed(images)
        for stage in self.layers:
            x = stage(x)
        return self.norm(x)

    def forward_head(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to logits (B, num_classes)."""
        return self.head(self.head_drop(x.mean(1)))

    def forward_pooled(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to one vector each, (B, D): the features that search and probes use."""
        return self.forward_features(images).mean(1)

    def init_weights(self) -> None:
        """The paper's initialisation: deviation 0.02, truncated, and zero biases. Patches begin so too, and the head at
        zero, which the authors leave to torch and to that deviation."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, RelativeBias):
                nn.init.trunc_normal_(module.table, std=0.02)
        if self.config.num_classes:
            nn.init.zeros_(self.head.fc.weight)  # type: ignore[union-attr, arg-type]


def build_stages(
    config: SwinConfig,
    grid_size: tuple[int, int],
    block: Callable[[int, int, tuple[int, int], float], Block],
    merging: Callable[[tuple[int, int], int, int], nn.Module],
) -> list[Stage]:
    """The stages, of what `block` and `merging` make; drop-path rates rise over all of their blocks."""
    rates = torch.linspace(0, config.drop_path_rate, sum(config.depths), device="cpu").tolist()
    stages: list[Stage] = []
    for i, depth in enumerate(config.depths):
        D = config.embed_dim * 2**i
        downsample: nn.Module = nn.Identity()
        if i:
            downsample = merging(grid_size, D // 2, D)
            grid_size = (math.ceil(grid_size[0] / 2), math.ceil(grid_size[1] / 2))
        first = sum(config.depths[:i])
        blocks = [block(i, j, grid_size, rates[first + j]) for j in range(depth)]
        stages.append(Stage(downsample, blocks))
    return stages


def build_block(config: SwinConfig, stage: int, index: int, grid_size: tuple[int, int], drop_path: float) -> Block:
    """Block `index` of a stage: every second one has shifted windows."""
    D = config.embed_dim * 2**stage
    return Block(
        nn.LayerNorm(D),
        WindowAttention(
            D,
            config.num_heads[stage],
            grid_size=grid_size,
            window=config.window,
            shift=config.window // 2 if index % 2 else 0,
            qkv_bias=config.qkv_bias,
            attn_drop=config.attn_drop,
            proj_drop=config.drop_rate,
        ),
        nn.LayerNorm(D),
        Mlp(D, int(D * config.mlp_ratio), drop=config.drop_rate),
        residual=Residual(drop_path),
    )


TINY = {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
SMALL = {**TINY, "depths": (2, 2, 18, 2)}
BASE = {"embed_dim": 128, "depths": (2, 2, 18, 2), "num_heads": (4, 8, 16, 32)}
LARGE = {"embed_dim": 192, "depths": (2, 2, 18, 2), "num_heads": (6, 12, 24, 48)}
MINI = {"num_classes": 10, "embed_dim": 64, "depths": (2, 4, 2), "num_heads": (2, 4, 8), "mlp_ratio": 2.0}

PRESETS = {
    "swin_tiny_patch4_window7_224": SwinConfig(224, **TINY),
    "swin_small_patch4_window7_224": SwinConfig(224, **SMALL),
    "swin_base_patch4_window7_224": SwinConfig(224, **BASE),
    "swin_base_patch4_window12_384": SwinConfig(384, **BASE, window=12),
    "swin_large_patch4_window7_224": SwinConfig(224, **LARGE),
    "swin_large_patch4_window12_384": SwinConfig(384, **LARGE, window=12),
    "swin_mini_patch2_window4_32": SwinConfig(32, 2, **MINI, window=4),
    "swin_mini_patch4_window4_64": SwinConfig(64, 4, **MINI, window=4),
}
