"""DeiT: a ViT that learns from a teacher through a token of its own (arXiv:2012.12877).

The distillation token stands beside the class token and has its own head. Training shows the teacher's answer to that
head and the label to the other; the finished model answers with the mean of both.

Plain DeiT and DeiT-III are presets of `models.vit`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smalti.configs import demand
from smalti.models.vit import TRUNKS, ViT, ViTConfig
from smalti.nn import LastLinear

__all__ = ["PRESETS", "DeiT", "DeiTConfig"]


@dataclass(frozen=True)
class DeiTConfig(ViTConfig):
    """A `ViTConfig` whose class token is read by a linear layer, and a distillation token by another."""

    def __post_init__(self) -> None:
        super().__post_init__()
        demand(self.cls_token and self.pool == "cls", "pool", self.pool, '"cls" with cls_token, as DeiT has it')
        demand(self.pre_logits is None, "pre_logits", self.pre_logits, "none: the heads of DeiT are one layer")

    @property
    def num_prefix_tokens(self) -> int:
        """Tokens in front of the patches."""
        return super().num_prefix_tokens + 1


class DeiT(ViT):
    """A ViT with a distillation token; `forward` gives the mean of its two heads' logits, (B, num_classes)."""

    def __init__(self, config: DeiTConfig) -> None:
        super().__init__(config)
        self.dist_token = nn.Parameter(torch.zeros(1, 1, config.embed_dim))
        nn.init.trunc_normal_(self.dist_token, std=0.02)
        self.head_dist = nn.Identity()
        if config.num_classes:
            self.head_dist = LastLinear(config.embed_dim, config.num_classes)
            nn.init.zeros_(self.head_dist.weight)
            nn.init.zeros_(self.head_dist.bias)

    def prefix_tokens(self) -> list[Tensor]:
        """The class token, the distillation token, then registers if there are any, (1, n, D) each."""
        first, *others = super().prefix_tokens()
        return [first, self.dist_token, *others]

    def forward_head(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to the mean of both heads' logits (B, num_classes)."""
        labelled, taught = self.forward_heads(x)
        return (labelled + taught) / 2

    def forward_heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, D) to the logits that learn from labels and those that learn from a teacher."""
        return self.head(self.head_drop(x[:, 0])), self.head_dist(self.head_drop(x[:, 1]))

    def forward_pooled(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to the mean of both tokens, (B, D): the features that search and probes use."""
        return self.forward_features(images)[:, :2].mean(1)


PRESETS = {
    "deit_tiny_distilled_patch16_224": DeiTConfig(224, 16, **TRUNKS["tiny"]),
    "deit_small_distilled_patch16_224": DeiTConfig(224, 16, **TRUNKS["small"]),
    "deit_base_distilled_patch16_224": DeiTConfig(224, 16, **TRUNKS["base"]),
    "deit_base_distilled_patch16_384": DeiTConfig(384, 16, **TRUNKS["base"]),
}
