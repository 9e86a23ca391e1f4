"""The plain block of a finished model, written out as one function of tensors.

Calling a module costs 1 to 3 microseconds, and a `Block` calls 22. That is nothing beside a picture, and half of the
time of one token of width 128. `flattened` exchanges blocks; no forward pass knows of it. Answers stay, up to rounding.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.nn.attention import Attention, attend
from smalti.nn.cache import KeyValues
from smalti.nn.mlp import Mlp
from smalti.nn.packed import PackedLinear
from smalti.nn.residual import Residual
from smalti.nn.transformer import Block

__all__ = ["FlatBlock", "flattened"]

IDLE = (nn.Identity, nn.Dropout)  # in eval mode
OWN = ("ls1", "ls2", "attn.q_norm", "attn.k_norm", "attn.proj_drop", "mlp.drop", "residual.drop_path")


def flattened(module: nn.Module) -> nn.Module:
    """`module`, in eval mode, with its plain pre-norm blocks written out; changed in place. It cannot be trained, moved
    or saved any more."""
    for part in list(module.modules()):
        for name, child in part.named_children():
            if is_plain(child):
                setattr(part, name, FlatBlock(child))  # type: ignore[arg-type]
    return module


def is_plain(block: nn.Module) -> bool:
    """Whether it is the block of a text in eval mode: attention and MLP, each normed before, and no more."""
    if type(block) is not Block or (type(block.residual), type(block.mlp)) != (Residual, Mlp):
        return False
    idle = all(isinstance(block.get_submodule(name), IDLE) for name in OWN)
    return idle and type(block.attn) is Attention and block.attn.rel_bias is None


class FlatBlock(nn.Module):
    """`Block` without its modules; the tensors are theirs.

    Args:
        block: one that `is_plain`.
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        attn, mlp = block.attn, block.mlp
        assert isinstance(attn, Attention)
        assert isinstance(mlp, Mlp)
        self.heads = (3, attn.num_heads, attn.head_dim)
        self.rotation, self.attend = attn.rotation, partial(attend, causal=attn.causal)
        self.norm1, self.qkv, self.proj = map(function, (block.norm1, attn.qkv, attn.proj))
        branch = (block.norm2, mlp.fc1, mlp.act, mlp.fc2)
        self.branch = tuple(function(part) for part in branch if not isinstance(part, IDLE))

    def forward(
        self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None, cache: KeyValues | None = None
    ) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D), as `Block` and `Attention`."""
        q, k, v = self.qkv(self.norm1(x)).view(*x.shape[:2], *self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if rope is not None:
            q, k = self.rotation(q, rope), self.rotation(k, rope)
        if cache is not None:
            k, v = cache.extend(k, v)
        y = self.attend(q.to(k.dtype), k, v, mask).to(x.dtype)  # (B, H, N, K)
        x = y = x + self.proj(y.transpose(1, 2).flatten(2))
        for part in self.branch:
            y = part(y)
        return x + y


def function(part: nn.Module) -> Callable[[Tensor], Tensor]:
    """What a module computes, without the module where it is a simple one."""
    if type(part) is nn.Linear:
        return partial(F.linear, weight=part.weight, bias=part.bias)
    if type(part) is PackedLinear:
        return partial(part.run, packed=part.weight, bias=part.bias)
    if type(part) is nn.LayerNorm:
        shape = list(part.normalized_shape)
        return partial(torch.layer_norm, normalized_shape=shape, weight=part.weight, bias=part.bias, eps=part.eps)
    return part
