"""The one attention of the package.

Shapes: B batch, H heads, N tokens, M keys, K head width, D = H * K width.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.nn.masks import causal_mask, combine
from smalti.nn.position import rotate

__all__ = ["Attention", "attend", "attention_maps", "attention_weights"]


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(K)), the share of attention each query gives each key (arXiv:1706.03762, eq. 1).

    Args:
        q: (B, H, N, K) queries.
        k: (B, H, M, K) keys.
        mask: broadcastable to (B, H, N, M); boolean, True = may attend, or a float bias that is added to the scores.

    Returns:
        (B, H, N, M), each row sums to one.
    """
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """The weighted mean of the values, (B, H, N, K), by the kernel that is fastest here.

    On a CPU the fused kernel wins only in fp32 without gradients: its backward is 2 to 3 times slower than three plain
    matrix products, and its bf16 forward has no bf16 matrix product (measured in docs/log.md).
    """
    with_grad = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if q.device.type == "cpu" and (with_grad or q.dtype != torch.float32):
        return attention_weights(q, k, mask).to(v.dtype) @ v
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class Attention(nn.Module):
    """Multi-head self-attention with one merged projection for queries, keys and values (arXiv:1706.03762).

    Args:
        dim: width D of the tokens.
        num_heads: heads H; must divide `dim`.
        qkv_bias: a bias on the merged projection.
        qk_norm: makes the norm of queries and keys from the head width (arXiv:2302.05442); `nn.Identity` for none.
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
        qkv_bias: bool = True,
        qk_norm: Callable[[int], nn.Module] = nn.Identity,
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
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.q_norm = qk_norm(self.head_dim)
        self.k_norm = qk_norm(self.head_dim)
        self.attend = attend if attn_drop == 0 else DroppedAttend(attn_drop)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(proj_drop)

    def forward(self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `mask` as in `attention_weights`."""
        return self.read(*self.project(x, rope), self.full_mask(x, mask))

    def project(self, x: Tensor, rope: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of tokens (B, N, D), each (B, H, N, K), normed and rotated."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self.q_norm(q), self.k_norm(k)
        if rope is not None:
            q, k = rotate(q, rope), rotate(k, rope)
        return q, k, v

    def read(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """What queries find among keys, (B, H, N, K) each: the values they weigh, joined and projected, (B, N, D)."""
        y = self.attend(q, k, v, mask)
        return self.proj_drop(self.proj(y.transpose(1, 2).flatten(2)))

    def full_mask(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """The caller's mask together with what this attention has of its own: the causal one, a bias for offsets."""
        mask = combine(mask, causal_mask(x.shape[1], x.device)) if self.causal else mask
        return mask if self.rel_bias is None else combine(mask, self.rel_bias())

    def weights(self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """The attention map (B, H, N, N) of tokens (B, N, D), whatever kernel `forward` runs."""
        q, k, _ = self.project(x, rope)
        return attention_weights(q, k, self.full_mask(x, mask))


class DroppedAttend(nn.Module):
    """`attend` with dropout on the attention weights."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(rate)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.drop(attention_weights(q, k, mask)).to(v.dtype) @ v


@contextmanager
def attention_maps(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collects the attention map (B, H, N, N) of every attention in `model` by module name while the context is open.

    Each forward pass replaces the maps. They are fp32, computed beside the fast kernels, which stay in use:

        with attention_maps(model) as maps:
            logits = model(images)
        maps["blocks.0.attn"].mean(1)
    """
    maps: dict[str, Tensor] = {}

    def record(name: str) -> Callable[..., None]:
        def hook(module: Attention, args: tuple[Tensor], kwargs: dict[str, Tensor]) -> None:
            maps[name] = module.weights(*args, **kwargs).float()

        return hook

    handles = [
        module.register_forward_pre_hook(record(name), with_kwargs=True)
        for name, module in model.named_modules()
        if isinstance(module, Attention)
    ]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()
