"""Work on a batch a block of pictures at a time, so that the floats in between stay in the cache, and back to bytes."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["by_blocks", "to_bytes"]

BLOCK = 3 << 16  # values: 64 RGB pictures of 32 x 32. Measured: 2 times the speed of a batch of 128 in one piece


def by_blocks(work: Callable[..., Tensor], images: Tensor, *rows: Tensor) -> Tensor:
    """`work(images, *rows)`, where every argument is (B, ...) and `work` treats each picture by itself."""
    size = max(BLOCK // images[0].numel(), torch.get_num_threads())
    if len(images) <= size or not images.is_cpu:
        return work(images, *rows)
    return torch.cat([work(*block) for block in zip(*(x.split(size) for x in (images, *rows)), strict=True)])


def to_bytes(x: Tensor) -> Tensor:
    """Floats in [0, 256) as uint8, cut off. By way of int32: the straight conversion is twice as slow on a CPU."""
    return (x.to(torch.int32) if x.is_cpu else x).to(torch.uint8)
