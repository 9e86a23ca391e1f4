"""oneDNN's linear layer with a weight laid out beforehand: torch's own ops, but private ones, all of them in this file.

`available` tries them once against the public op; nothing here may be called where it says no.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["available", "linear", "linear_gelu", "pack"]


@functools.cache
def available(dtype: torch.dtype) -> bool:
    """Whether this torch has the ops and they agree with `F.linear` in `dtype` on this CPU."""
    rng = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=rng).to(dtype) for shape in ((3, 64), (48, 64), (48,)))
    close = functools.partial(torch.allclose, rtol=4 * torch.finfo(dtype).eps, atol=16 * torch.finfo(dtype).eps)
    try:
        packed, expected = pack(weight), F.linear(x, weight, bias)
        return close(linear(x, packed, bias), expected) and close(linear_gelu(x, packed, bias), F.gelu(expected))
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False


def pack(weight: Tensor, tokens: int | None = None) -> Tensor:
    """A weight (M, D) in the layout that is best for about `tokens` rows at a time. It can only be given to the
    functions below."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), tokens)


def linear(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """x (..., D) to (..., M)."""
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


def linear_gelu(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """gelu(linear(x)), the exact GELU, in one pass."""
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "gelu", [], "none")
