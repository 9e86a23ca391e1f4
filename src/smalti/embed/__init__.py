"""The way in: what a pixel is, (B, C, H, W) to tokens (B, N, D); what a word is, (B, N) to (B, N, D)."""

from smalti.embed.patch import PatchEmbed, check_img_size, patchify, unpatchify
from smalti.embed.resize import resize_matrix, resize_patches, resize_positions
from smalti.embed.stem import ConvStem
from smalti.embed.token import AddedPositions, RotaryPositions, TokenEmbed, is_padded, placed, real_first

__all__ = [
    "AddedPositions",
    "ConvStem",
    "PatchEmbed",
    "RotaryPositions",
    "TokenEmbed",
    "check_img_size",
    "is_padded",
    "patchify",
    "placed",
    "real_first",
    "resize_matrix",
    "resize_patches",
    "resize_positions",
    "unpatchify",
]
