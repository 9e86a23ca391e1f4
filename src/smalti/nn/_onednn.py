"""What of oneDNN torch does not use by itself: linear layers with a weight laid out beforehand, by private ops, all of
them in this file; and fp32 products by its kernels instead of MKL's.

`available` and `exact` try them once; the ops may not be called where `available` says no.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["available", "exact", "fp32_products", "linear", "linear_gelu", "pack"]


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


@contextmanager
def fp32_products() -> Iterator[None]:
    """While it is open, fp32 matrix products run in oneDNN where that is exact. MKL leaves half of an AMD processor
    unused (it takes its AVX2 path there)."""
    if not exact():
        yield
        return
    matmul: Any = torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before


@functools.cache
def exact() -> bool:
    """Whether oneDNN computes fp32 products in fp32 although it is allowed bf16, which is how torch hands it any: true
    of AVX-512 without AMX."""
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(128, 128, generator=rng), torch.randn(128, 128, generator=rng)
    matmul: Any = getattr(torch.backends.mkldnn, "matmul", None)
    if not torch.backends.mkldnn.is_available() or not hasattr(matmul, "fp32_precision"):
        return False
    before = matmul.fp32_precision
    try:
        matmul.fp32_precision = "bf16"
        found = a @ b
    except RuntimeError:
        return False
    finally:
        matmul.fp32_precision = before
    wanted = a.double() @ b.double()
    return bool((found - wanted).abs().max() < 1e-5 * wanted.abs().max())
