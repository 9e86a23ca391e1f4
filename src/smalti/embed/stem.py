"""A convolutional stem in place of patches: what lets a Transformer learn from little data (CCT, arXiv:2104.05704)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from smalti.errors import InputError

__all__ = ["ConvStem"]


class ConvStem(nn.Module):
    """A 3 x 3 convolution, a max-pool of stride 2 and ReLU, repeated until one token stands for `patch_size` x
    `patch_size` pixels.

    The paper has ReLU before the pool. The maximum of what ReLU lets through is what ReLU lets through of the maximum,
    and of that there is a quarter.

    Args:
        img_size: (H, W) of the images.
        patch_size: pixels a side for one token: a power of two, 2 or more.
        in_chans: channels C of the images.
        embed_dim: width D of the tokens.
        hidden_dim: channels between the convolutions.
    """

    def __init__(
        self,
        img_size: tuple[int, int],
        patch_size: int,
        in_chans: int,
        embed_dim: int,
        *,
        hidden_dim: int = 64,
    ) -> None:
        super().__init__()
        layers = round(math.log2(max(patch_size, 1)))
        if 2**layers != patch_size or layers < 1:
            raise InputError(
                f"patch_size {patch_size} of a convolutional stem is not a power of two", mend="use 2, 4, 8 or 16"
            )
        widths = [in_chans] + [hidden_dim] * (layers - 1) + [embed_dim]
        stages = []
        for before, after in pairwise(widths):
            stages += [
                nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
                nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
                nn.ReLU(),
            ]
        self.stages = nn.Sequential(*stages)
        self.grid_size = (math.ceil(img_size[0] / patch_size), math.ceil(img_size[1] / patch_size))

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to tokens (B, N, D), row by row."""
        # Channels last: pools twice as fast, and the tokens are a view of the result. Cloned, since `contiguous` would
        # take a single channel for channels-last as it is, and the convolution would take it for channels-first.
        x = images.clone(memory_format=torch.channels_last)
        return self.stages(x).flatten(2).transpose(1, 2)
