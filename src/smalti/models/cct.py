"""Small ViTs for small pictures, with plain patches and with a convolutional stem: compact transformers, CCT
(arXiv:2104.05704).

The class is `models.vit.ViT`. The presets of the paper, and those that the rule chooses among: they begin mimetic, and
behind a stem the first block is a convolution too (docs/log.md has what it brings).
"""

from typing import Any

from smalti.models.vit import ViTConfig

__all__ = ["PRESETS", "SMALL"]

SMALL: dict[str, dict[str, Any]] = {  # for pictures of 8 to 128 pixels
    "nano": {"embed_dim": 64, "depth": 6, "num_heads": 4, "mlp_ratio": 2.0},
    "mini": {"embed_dim": 128, "depth": 4, "num_heads": 4, "mlp_ratio": 2.0},
    "midi": {"embed_dim": 192, "depth": 6, "num_heads": 6, "mlp_ratio": 2.0},
    "maxi": {"embed_dim": 192, "depth": 9, "num_heads": 3, "mlp_ratio": 4.0},
}
CCT: dict[str, Any] = {"stem": "conv", "pool": "seq", "cls_token": False}
SMALL_PICTURES = {
    f"{kind}_{name}_patch{patch}_{size}": ViTConfig(size, patch, num_classes=10, init="mimetic", **SMALL[name], **parts)
    for name in SMALL
    for size in (8, 16, 28, 32, 48, 64, 96, 128)
    for patch in (2, 4, 8)
    if size % patch == 0 and 4 <= size // patch <= 16
    for kind, parts in (("vit", {}), ("cct", {**CCT, "conv_blocks": 1}))
}
PUBLISHED_CCT = {  # the sizes of the paper (arXiv:2104.05704, table 2)
    name: ViTConfig(
        32,
        patch,
        num_classes=10,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        mlp_ratio=ratio,
        qkv_bias=False,
        attn_drop=0.1,
        drop_path_rate=0.1,
        **CCT,
    )
    for name, patch, width, depth, heads, ratio in (
        ("cct_2_3x2_32", 4, 128, 2, 2, 1.0),
        ("cct_4_3x2_32", 4, 128, 4, 2, 1.0),
        ("cct_6_3x1_32", 2, 256, 6, 4, 2.0),
        ("cct_7_3x1_32", 2, 256, 7, 4, 2.0),
    )
}
PRESETS = {**SMALL_PICTURES, **PUBLISHED_CCT}
