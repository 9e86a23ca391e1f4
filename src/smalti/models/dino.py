"""DINOv2 (arXiv:2304.07193, with registers arXiv:2309.16588) and DINOv3 (arXiv:2508.10104): ViTs that learned without
labels. No head was published.

The class is `models.vit.ViT`. DINOv3 has rotary positions that turn from edge to edge of the image in place of learned
ones, and other names in timm (`weights.timm`).
"""

from typing import Any

from smalti.models.vit import TRUNKS, ViTConfig

__all__ = ["PRESETS"]

REGISTERS: dict[str, dict[str, Any]] = {"": {}, "reg4_": {"reg_tokens": 4, "pos_prefix": False}}
DINOV2 = {
    f"vit_{name}_patch14_{tag}dinov2": ViTConfig(518, 14, **TRUNKS[name], num_classes=0, layer_scale=1e-5, **registers)
    for name in ("small", "base", "large", "giant")
    for tag, registers in REGISTERS.items()
}
DINOV3_TRUNKS: dict[str, dict[str, Any]] = {
    **{name: TRUNKS[name] for name in ("small", "base", "large")},
    "small_plus": {**TRUNKS["small"], "mlp": "swiglu"},
    "huge_plus": {"embed_dim": 1280, "depth": 32, "num_heads": 20, "mlp": "swiglu"},
}
DINOV3_PARTS: dict[str, Any] = {
    "num_classes": 0,
    "reg_tokens": 4,
    "pos_embed": "none",
    "rope": "turns",
    "layer_scale": 1e-5,
    "norm_eps": 1e-5,
}
BIASES: dict[str, dict[str, Any]] = {"": {"qkv_bias": False}, "_qkvb": {"k_bias": False}}  # timm's, the authors'
DINOV3 = {
    f"vit_{name}_patch16_dinov3{tag}": ViTConfig(256, 16, **DINOV3_TRUNKS[name], **DINOV3_PARTS, **bias)
    for tag, bias in BIASES.items()
    for name in DINOV3_TRUNKS
}
PRESETS = {**DINOV2, **DINOV3}
