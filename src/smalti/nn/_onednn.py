"""What of oneDNN torch does not use by itself: linear layers with a weight laid out beforehand, in floats and in bytes,
by private ops, all of them in this file; and fp32 products by its kernels instead of MKL's.

`available`, `int8_available` and `exact` try them once; the ops may not be called where those say no.
"""

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.nn._processor import is_intel

__all__ = [
    "QParams",
    "available",
    "exact",
    "fp32_products",
    "int8_available",
    "linear",
    "linear_gelu",
    "linear_int8",
    "pack",
    "pack_int8",
    "quantize",
]


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


class QParams(NamedTuple):
    """How bytes stand for numbers: `scale * (byte - zero_point)`."""

    scale: float
    zero_point: int


@functools.cache
def int8_available() -> bool:
    """Whether this torch has the int8 ops and they are exact on this CPU, also where products are largest: processors
    without int8 instructions overflow there."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (3, 64), generator=rng, dtype=torch.uint8)
    weight = torch.randint(-127, 128, (48, 64), generator=rng, dtype=torch.int8)
    x[0], weight[0] = 255, 127
    scales, qparams, bias = torch.full((48,), 0.5), QParams(0.25, 7), torch.arange(48.0)
    expected = F.linear((x.double() - 7) * 0.25, weight.double() * 0.5, bias.double()).float()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces, once a process, that `quantize` will have to change
            exact_bytes = torch.equal(quantize((x.float() - 7) * 0.25, qparams), x)
        packed = pack_int8(weight)
        found = linear_int8(x, qparams, packed, scales, bias, dtype=torch.float32)
        bytes_ = linear_int8(
            x, qparams, packed, scales, bias, dtype=torch.uint8, gelu=True, out_qparams=QParams(40.0, 3)
        )
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
    wanted = (F.gelu(expected) / 40).round().add(3).clamp(0, 255)
    close = torch.allclose(found, expected, rtol=1e-6) and bool(((bytes_.float() - wanted).abs() <= 1).all())
    return exact_bytes and close


def quantize(x: Tensor, qparams: QParams) -> Tensor:
    """Floats to the nearest bytes."""
    return torch.quantize_per_tensor(x.float(), *qparams, torch.quint8).int_repr()


def pack_int8(weight: Tensor) -> Tensor:
    """An int8 weight (M, D) in the layout its kernel reads, for `linear_int8` only."""
    return torch.ops.onednn.qlinear_prepack(weight.contiguous(), None)


def linear_int8(
    x: Tensor,
    qparams: QParams,
    packed: Tensor,
    scales: Tensor,
    bias: Tensor | None,
    *,
    dtype: torch.dtype,
    gelu: bool = False,
    out_qparams: QParams | None = None,
) -> Tensor:
    """uint8 x (..., D) to (..., M) in `dtype`; sums in int32, exact.

    Args:
        x: bytes.
        qparams: what they stand for.
        packed: from `pack_int8`.
        scales: (M,) float32, what a step of each row of the weight is worth.
        bias: (M,) float32.
        dtype: of the result; torch.uint8 for bytes again.
        gelu: apply the exact GELU to it first.
        out_qparams: what the result's bytes stand for.
    """
    out, zeros = out_qparams or QParams(1.0, 0), torch.zeros_like(scales, dtype=torch.int64)
    post = "gelu" if gelu else "none"
    return torch.ops.onednn.qlinear_pointwise(
        x, *qparams, packed, scales, zeros, bias, *out, dtype, post, [], "none" if gelu else ""
    )


@contextmanager
def fp32_products() -> Iterator[None]:
    """While it is open, fp32 matrix products run in oneDNN where that is exact and MKL is not at its best."""
    if is_intel() or not exact():
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
