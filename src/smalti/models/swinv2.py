"""Swin V2: Swin that grows wider, larger and to other windows without unlearning (arXiv:2111.09883).

Three parts differ from `models.swin`: scores are cosines, the bias of an offset is a function of it, and norms come
after what they norm, in branches and between stages. `weights.timm` has the names of the published checkpoints.

Shapes: B batch, N tokens, D width.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from smalti.configs import demand
from smalti.models.swin import BASE, LARGE, MINI, SMALL, TINY, Swin, SwinConfig, neighbours
from smalti.nn import (
    Block,
    ContinuousBias,
    Mlp,
    NoKeyBias,
    ResPostNormResidual,
    ScaledUnitNorm,
    UnitNorm,
    WindowAttention,
)

__all__ = ["PRESETS", "PostNormMerging", "SwinV2", "SwinV2Config"]


@dataclass(frozen=True)
class SwinV2Config(SwinConfig):
    """A `SwinConfig`; `qkv_bias` is one on queries and values.

    Args:
        trained_windows: side of the windows of each stage in pre-training, whose offsets are the unit of the bias;
            empty where they are those of this size.
    """

    img_size: int | tuple[int, int] = 256
    window: int = 8
    trained_windows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = len(self.trained_windows) in (0, len(self.depths)) and min(self.trained_windows, default=1) >= 1
        demand(fits, "trained_windows", self.trained_windows, f"{len(self.depths)} numbers, one a stage, or empty")


class PostNormMerging(nn.Module):
    """Four neighbours of a grid become one token: their widths joined, projected to `out_dim`, and normed."""

    def __init__(self, grid_size: tuple[int, int], dim: int, out_dim: int) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.reduction = nn.Linear(4 * dim, out_dim, bias=False)
        self.norm = nn.LayerNorm(out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, h * w, dim) to tokens (B, ceil(h / 2) * ceil(w / 2), out_dim)."""
        return self.norm(self.reduction(neighbours(x, self.grid_size)))


class SwinV2(Swin):
    """A Swin of V2's parts."""

    def __init__(self, config: SwinV2Config) -> None:
        super().__init__(config, partial(build_block, config), PostNormMerging)

    def init_weights(self) -> None:
        """As V1; norms of blocks start at zero, so that each block starts as nothing added."""
        super().init_weights()
        for module in self.modules():
            if isinstance(module, Block):
                nn.init.zeros_(module.norm1.weight)  # type: ignore[arg-type]
                nn.init.zeros_(module.norm2.weight)  # type: ignore[arg-type]


def build_block(config: SwinV2Config, stage: int, index: int, grid_size: tuple[int, int], drop_path: float) -> Block:
    """Block `index` of a stage: every second one has shifted windows."""
    D, heads = config.embed_dim * 2**stage, config.num_heads[stage]
    side = config.trained_windows[stage] if config.trained_windows else None
    return Block(
        nn.LayerNorm(D),
        WindowAttention(
            D,
            heads,
            grid_size=grid_size,
            window=config.window,
            shift=config.window // 2 if index % 2 else 0,
            rel_bias=partial(ContinuousBias, trained_size=(side, side) if side else None),
            qkv=NoKeyBias(D) if config.qkv_bias else nn.Linear(D, 3 * D, bias=False),
            q_norm=ScaledUnitNorm(heads),
            k_norm=UnitNorm(),
            attn_drop=config.attn_drop,
            proj_drop=config.drop_rate,
        ),
        nn.LayerNorm(D),
        Mlp(D, int(D * config.mlp_ratio), drop=config.drop_rate),
        residual=ResPostNormResidual(drop_path),
    )


# Windows of pre-training, the last no larger than the last grid. Every preset names them, so that weights in a model of
# another size still mean the same offsets.
IN_8: dict[str, Any] = {"window": 8, "trained_windows": (8, 8, 8, 8)}
IN_16: dict[str, Any] = {"window": 16, "trained_windows": (16, 16, 16, 8)}
FROM_192: dict[str, Any] = {"trained_windows": (12, 12, 12, 6)}
IN_4: dict[str, Any] = {"window": 4, "trained_windows": (4, 4, 4)}

PRESETS = {
    "swinv2_tiny_window8_256": SwinV2Config(256, **TINY, **IN_8),
    "swinv2_tiny_window16_256": SwinV2Config(256, **TINY, **IN_16),
    "swinv2_small_window8_256": SwinV2Config(256, **SMALL, **IN_8),
    "swinv2_small_window16_256": SwinV2Config(256, **SMALL, **IN_16),
    "swinv2_base_window8_256": SwinV2Config(256, **BASE, **IN_8),
    "swinv2_base_window16_256": SwinV2Config(256, **BASE, **IN_16),
    "swinv2_base_window12_192": SwinV2Config(192, num_classes=21841, **BASE, window=12, **FROM_192),
    "swinv2_base_window12to16_192to256": SwinV2Config(256, **BASE, window=16, **FROM_192),
    "swinv2_base_window12to24_192to384": SwinV2Config(384, **BASE, window=24, **FROM_192),
    "swinv2_large_window12_192": SwinV2Config(192, num_classes=21841, **LARGE, window=12, **FROM_192),
    "swinv2_large_window12to16_192to256": SwinV2Config(256, **LARGE, window=16, **FROM_192),
    "swinv2_large_window12to24_192to384": SwinV2Config(384, **LARGE, window=24, **FROM_192),
    "swinv2_mini_patch2_window4_32": SwinV2Config(32, 2, **MINI, **IN_4),
    "swinv2_mini_patch4_window4_64": SwinV2Config(64, 4, **MINI, **IN_4),
}
