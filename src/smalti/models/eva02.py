"""EVA-02 (arXiv:2303.11331): ViTs with rotary positions beside learned ones and SwiGLU, normed inside from base on.

The class is `models.vit.ViT`. `weights.timm` has the names of the published checkpoints.
"""

from typing import Any

from smalti.models.vit import TRUNKS, ViTConfig

__all__ = ["PRESETS"]

EVA02: dict[str, Any] = {"pool": "mean", "k_bias": False, "rope": "sixteen", "mlp_ratio": 8 / 3}
TINY = {**EVA02, **TRUNKS["tiny"], "mlp": "swiglu"}
SMALL = {**EVA02, **TRUNKS["small"], "mlp": "swiglu"}
BASE = {**EVA02, **TRUNKS["base"], "mlp": "swiglu_norm"}
LARGE = {**EVA02, **TRUNKS["large"], "mlp": "swiglu_norm"}

PRESETS = {  # those of 224 pixels were published without a head
    "eva02_tiny_patch14_224": ViTConfig(224, 14, num_classes=0, **TINY),
    "eva02_tiny_patch14_336": ViTConfig(336, 14, **TINY),
    "eva02_small_patch14_224": ViTConfig(224, 14, num_classes=0, **SMALL),
    "eva02_small_patch14_336": ViTConfig(336, 14, **SMALL),
    "eva02_base_patch14_224": ViTConfig(224, 14, num_classes=0, **BASE),
    "eva02_base_patch14_448": ViTConfig(448, 14, **BASE),
    "eva02_large_patch14_224": ViTConfig(224, 14, num_classes=0, **LARGE),
    "eva02_large_patch14_448": ViTConfig(448, 14, **LARGE),
}
