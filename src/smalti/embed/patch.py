"""An image cut into patches, each a vector (arXiv:2010.11929, section 3.1).

Shapes: B batch, C channels, H x W pixels, P x P a patch, h x w = H/P x W/P the grid, N = h * w patches, D width.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from smalti.errors import InputError

__all__ = ["PatchEmbed", "check_img_size", "patchify", "unpatchify"]


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """(B, C, H, W) to (B, N, C * P * P): row by row, each patch the pixels of its own square, channel first."""
    P = patch_size
    x = images.unflatten(3, (-1, P)).unflatten(2, (-1, P))  # (B, C, h, P, w, P)
    return x.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, patch_size: int, grid_size: tuple[int, int]) -> Tensor:
    """(B, N, C * P * P) back to (B, C, H, W): the inverse of `patchify`."""
    P = patch_size
    x = patches.unflatten(2, (-1, P, P)).unflatten(1, grid_size)  # (B, h, w, C, P, P)
    return x.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def check_img_size(img_size: tuple[int, int], patch_size: int) -> None:
    """Raises InputError naming the two nearest sizes that fit, where a side is not a multiple of the patch."""
    for side in img_size:
        if side % patch_size or side < patch_size:
            below, above = side // patch_size * patch_size, (side // patch_size + 1) * patch_size
            fits = f"{below} or {above}" if below else f"{above}"
            raise InputError(f"img_size {side} is not a multiple of patch_size {patch_size}", mend=f"use {fits}")


class PatchEmbed(nn.Module):
    """Patches through one linear layer.

    The weight has the shape of a convolution, (D, C, P, P), as published checkpoints store it; with a stride of P the
    convolution and the linear layer over `patchify` are the same sum, and the linear layer is faster on a CPU.

    Args:
        img_size: (H, W) of the images.
        patch_size: side P of a patch.
        in_chans: channels C of the images.
        embed_dim: width D of the tokens.
        norm: of the tokens, as Swin has it; None for none.
    """

    def __init__(
        self,
        img_size: tuple[int, int],
        patch_size: int,
        in_chans: int,
        embed_dim: int,
        *,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        check_img_size(img_size, patch_size)
        self.patch_size = patch_size
        self.grid_size = (img_size[0] // patch_size, img_size[1] // patch_size)
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)
        self.norm = norm or nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to tokens (B, N, D)."""
        return self.norm(F.linear(patchify(images, self.patch_size), self.proj.weight.flatten(1), self.proj.bias))
