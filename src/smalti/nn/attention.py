"""The one attention of the package.

Shapes: B batch, H heads, N tokens, M keys, K head width, D = H * K width.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.nn._processor import is_intel
from smalti.nn.cache import KeyValues
from smalti.nn.masks import causal_bias, causal_mask, combine
from smalti.nn.position import rotate

__all__ = [
    "Attention",
    "Context",
    "CrossAttention",
    "DroppedAttend",
    "NoKeyBias",
    "attend",
    "attention_weights",
]

MANY = 128  # keys, from which on the way back of the fused kernel takes no longer on Intel's processors
FEW = range(16, 32)  # keys that fill a vector of fp32 but none of bf16, where torch's softmax goes number by number


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(K)), the share of attention each query gives each key (arXiv:1706.03762, eq. 1).

    Args:
        q: (B, H, N, K) queries.
        k: (B, H, M, K) keys.
        mask: broadcastable to (B, H, N, M); boolean, True = may attend, or a float bias that is added to the scores.
        causal: the queries are those of the last N keys, and see none behind their own.

    Returns:
        (B, H, N, M), each row sums to one; to zero, as with the fused kernels, where a boolean mask allows no key.
    """
    k = k.contiguous()  # else the product copies it turned, number by number, which takes several times as long
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    N, M = scores.shape[-2:]
    if mask is not None and mask.dtype == torch.bool:
        allowed = mask & causal_mask(N, mask.device, num_keys=M) if causal else mask
        some = allowed.any(-1, keepdim=True)
        return softmax(scores.masked_fill(~allowed & some, -torch.inf)).masked_fill(~some, 0)
    if causal and N > 1:
        scores += causal_bias(scores)
    return softmax(scores if mask is None else scores + mask)


def softmax(scores: Tensor) -> Tensor:
    """Shares of the keys, (..., M), in the precision of the scores; by way of fp32 where that is the faster one."""
    if scores.device.type == "cpu" and scores.dtype == torch.bfloat16 and scores.shape[-1] in FEW:
        return scores.softmax(-1, dtype=torch.float32).to(scores.dtype)
    return scores.softmax(-1)


def attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False, drop: float = 0.0
) -> Tensor:
    """The weighted mean of the values, (B, H, N, K), by the kernel that is fastest here; a share `drop` of the weights
    is dropped.

    On a CPU the fused kernel has no bf16 matrix product. Its backward in fp32 does without N x M weights from the
    forward pass, but is as fast as plain matrix products only where MKL is at home and keys are many (docs/log.md).
    """
    N, M = q.shape[-2], k.shape[-2]
    learns = torch.is_grad_enabled() and any(one.requires_grad for one in (q, k, v))
    learns_bias = torch.is_grad_enabled() and mask is not None and mask.requires_grad
    slow = learns and not (is_intel() and M >= MANY)
    if q.device.type == "cpu" and (q.dtype != torch.float32 or learns_bias or slow or drop):
        return F.dropout(attention_weights(q, k, mask, causal=causal), drop).to(v.dtype) @ v
    if causal and (mask is not None or N < M):  # the kernels know the order only where it is all there is
        causal, mask = False, combine(mask, causal_mask(N, q.device, num_keys=M)) if N > 1 else mask
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.to(q.dtype)  # which the fused kernels ask for
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=drop, is_causal=causal)


def split_heads(x: Tensor, num_heads: int, parts: int = 1) -> tuple[Tensor, ...]:
    """What one projection gives, (B, N, parts * D), as its parts (B, H, N, K) each."""
    return x.unflatten(-1, (parts, num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)


class Attention(nn.Module):
    """Multi-head self-attention with one merged projection for queries, keys and values (arXiv:1706.03762).

    Args:
        dim: width D of the tokens.
        num_heads: heads H; must divide `dim`.
        qkv: the merged projection, (B, N, D) to (B, N, 3 D); None for a linear layer.
        qkv_bias: a bias on that linear layer.
        rotation: turns queries and keys by rotary angles, where the call brings some.
        q_norm: norm of the queries of all heads (arXiv:2302.05442), (B, H, N, K); None for none.
        k_norm: norm of the keys.
        causal: a token sees itself and what came before it.
        rel_bias: gives a bias on the scores (1, H, N, N), `RelativeBias` for one; None for none.
        attn_drop: share of the attention weights that training drops.
        proj_drop: share of the outputs that training drops.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        qkv: nn.Module | None = None,
        qkv_bias: bool = True,
        rotation: Callable[[Tensor, Tensor], Tensor] = rotate,
        q_norm: nn.Module | None = None,
        k_norm: nn.Module | None = None,
        causal: bool = False,
        rel_bias: nn.Module | None = None,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
    ) -> None:
        super().__init__()
        if dim % num_heads:
            nearest = dim // num_heads * num_heads or num_heads
            raise InputError(f"embed_dim {dim} is not a multiple of num_heads {num_heads}", mend=f"use {nearest}")
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.causal = causal
        self.rel_bias = rel_bias
        self.qkv = qkv or nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.rotation = rotation
        self.q_norm = q_norm or nn.Identity()
        self.k_norm = k_norm or nn.Identity()
        self.attend = partial(attend, causal=causal) if attn_drop == 0 else DroppedAttend(attn_drop, causal=causal)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(proj_drop)

    def forward(
        self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None, cache: KeyValues | None = None
    ) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `mask` as in `attention_weights`.

        With a cache they continue the tokens in it, which they see too, and are remembered there.
        """
        q, k, v = self.project(x, rope)
        if cache is not None:
            k, v = cache.extend(k, v)
        return self.read(q, k, v, self.full_mask(x, mask))

    def project(self, x: Tensor, rope: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of tokens (B, N, D), each (B, H, N, K), normed and rotated."""
        q, k, v = split_heads(self.qkv(x), self.num_heads, 3)
        q, k = self.q_norm(q), self.k_norm(k)
        if rope is not None:
            q, k = self.rotation(q, rope), self.rotation(k, rope)
        return q, k, v

    def read(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """What queries find among keys, (B, H, N, K) each: the values they weigh, joined and projected, (B, N, D)."""
        y = self.attend(q.to(k.dtype), k, v, mask).to(q.dtype)  # what a cache kept may be more exact
        return self.proj_drop(self.proj(y.transpose(1, 2).flatten(2)))

    def full_mask(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """The caller's mask together with what this attention has of its own: a bias for offsets. Causal order is the
        kernel's business."""
        return mask if self.rel_bias is None else combine(mask, self.rel_bias())

    def weights(
        self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None, cache: KeyValues | None = None
    ) -> Tensor:
        """The attention map (B, H, N, M) of tokens (B, N, D), whatever kernel `forward` runs; a cache is only read."""
        q, k, _ = self.project(x, rope)
        if cache is not None:
            k = cache.with_keys(k)
        return attention_weights(q.to(k.dtype), k, self.full_mask(x, mask), causal=self.causal)


class Context(NamedTuple):
    """What cross-attention reads of another sequence.

    Args:
        k: (B, H, M, K) keys.
        v: (B, H, M, K) values.
        mask: as in `attention_weights`, of shape (B, 1, 1, M) for padding.
    """

    k: Tensor
    v: Tensor
    mask: Tensor | None


class CrossAttention(Attention):
    """Attention to another sequence: it gives keys and values, the tokens ask (arXiv:1706.03762, section 3.2.3).

    Args:
        dim: width D of both sequences.
        num_heads: heads; must divide `dim`.
        qkv_bias: a bias on queries, keys and values.
        attn_drop: share of the attention weights that training drops.
    """

    def __init__(self, dim: int, num_heads: int, *, qkv_bias: bool = True, attn_drop: float = 0.0) -> None:
        super().__init__(dim, num_heads, qkv=nn.Identity(), attn_drop=attn_drop)  # two projections instead
        self.q = nn.Linear(dim, dim, bias=qkv_bias)
        self.kv = nn.Linear(dim, 2 * dim, bias=qkv_bias)

    def forward(self, x: Tensor, *, context: Context) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Tokens (B, N, D) to tokens (B, N, D)."""
        return self.read(self.queries(x), *context)

    def queries(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to queries (B, H, N, K)."""
        return split_heads(self.q(x), self.num_heads)[0]

    def context(self, source: Tensor, mask: Tensor | None = None) -> Context:
        """What there is to read of a sequence (B, M, D): computed once, whoever reads it how often."""
        k, v = split_heads(self.kv(source), self.num_heads, 2)
        return Context(k, v, mask)

    def weights(self, x: Tensor, *, context: Context) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The attention map (B, H, N, M)."""
        return attention_weights(self.queries(x), context.k, context.mask)


class NoKeyBias(nn.Linear):
    """A merged projection with a bias on queries and values only (EVA-02, arXiv:2303.11331; Swin V2, arXiv:2111.09883).

    On plain keys a bias changes nothing, since it moves all scores of a query alike; on keys that are normed or rotated
    it would. The names and shapes are those of the plain layer; the middle third of the bias says nothing.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 3 * dim)
        self.counted: Tensor
        self.register_buffer("counted", torch.tensor([1.0, 0.0, 1.0]).repeat_interleave(dim), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - torch says input
        """(..., D) to (..., 3 D)."""
        return F.linear(x, self.weight, self.counted_bias())

    def counted_bias(self) -> Tensor:
        """The bias (3 D,) with zeros for keys."""
        return self.bias * self.counted.to(self.bias.dtype)


class DroppedAttend(nn.Module):
    """`attend` with dropout on the attention weights, in training."""

    def __init__(self, rate: float, *, causal: bool = False) -> None:
        super().__init__()
        self.rate = rate
        self.causal = causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """As `attend`."""
        return attend(q, k, v, mask, causal=self.causal, drop=self.rate if self.training else 0.0)

    def extra_repr(self) -> str:
        """The rate, for printing."""
        return f"rate={self.rate:g}"
