"""The way in: what a pixel is. (B, C, H, W) to tokens (B, N, D)."""

from smalti.embed.patch import PatchEmbed, check_img_size, patchify, unpatchify
from smalti.embed.resize import resize_matrix, resize_patches, resize_positions
from smalti.embed.stem import ConvStem

__all__ = [
    "ConvStem",
    "PatchEmbed",
    "check_img_size",
    "patchify",
    "resize_matrix",
    "resize_patches",
    "resize_positions",
    "unpatchify",
]
