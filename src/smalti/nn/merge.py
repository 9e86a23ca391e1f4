"""Tokens that say nearly the same become one on their way through a ViT, so that each block has less to do than the one
before (ToMe, arXiv:2210.09461). For inference: it needs no training, but it moves answers.

Behind the attention of each block the patches are dealt in turn to two halves. Each of the first half finds the one of
the second whose key is most like its own, and the r most alike pairs become one token each, the mean of all patches in
it. Who attends to it weighs it like all of them: the log of its size is added to the scores. Behind the last block
every patch gets the token it went into, so whatever reads tokens (a mean, a map) finds as many as ever, each of its
weight.

`merge_tokens` exchanges the blocks of a model; no forward pass of the model knows of it.
Shapes: B batch, N tokens, M of them left, D width, K head width.
"""

from collections.abc import Iterable
from itertools import takewhile
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.configs import demand
from smalti.errors import InputError
from smalti.nn.attention import Attention
from smalti.nn.grid import GridConv
from smalti.nn.residual import Residual
from smalti.nn.transformer import Block, Transformer

__all__ = ["Matching", "MergingBlocks", "match", "merge", "merge_tokens"]


def merge_tokens(model: nn.Module, r: int) -> nn.Module:
    """`model`, in eval mode, with `r` tokens merged into others behind each attention; it is changed in place.

    It may be in any precision and packed, before or after. Its attention maps are gone: those of fewer tokens in each
    block would say nothing of patches.

    Args:
        model: a ViT whose attention knows nothing of where tokens stand; positions on the tokens are welcome.
        r: 0 leaves the model as it is; a block merges no more than half of the patches that are left.

    Raises:
        InputError: the model is of another kind.
    """
    demand(r >= 0, "merge", r, "0 or more")
    if r == 0:
        return model
    if why := what_forbids(model):
        mend = "leave merging out, or use a ViT or DeiT with positions on its tokens"
        raise InputError(f"the tokens of this {type(model).__name__} cannot be merged", why=why, mend=mend)
    whole, attending = parted(model)
    blocks = MergingBlocks(attending, r, model.num_prefix_tokens)  # type: ignore[arg-type]
    model.blocks = nn.ModuleList([*whole, blocks])
    return model


def parted(model: nn.Module) -> tuple[list[Any], list[Any]]:
    """The first blocks of a Transformer, which need all tokens for their convolutions, and the others."""
    blocks: Any = model.blocks
    whole = list(takewhile(lambda block: isinstance(getattr(block, "attn", None), GridConv), blocks))
    return whole, list(blocks)[len(whole) :]


def what_forbids(model: nn.Module) -> str:
    """Why the tokens of `model` cannot be merged; empty where they can."""
    plain = isinstance(model, Transformer) and all(
        type(block) is Block and type(block.attn) is Attention and type(block.residual) is Residual
        for block in parted(model)[1]
    )
    if not plain:
        return "it is no plain Transformer, in which every token may attend to every other"
    if not hasattr(model, "num_prefix_tokens"):
        return "its tokens are no patches of a picture"
    if getattr(model, "rope", None) is not None:
        return "its rotary positions need the place of a token, and a merged one has none"
    if any(part.rel_bias is not None for part in model.modules() if isinstance(part, Attention)):
        return "its bias on the scores needs the offset between two tokens, and merged ones have none"
    if any(part.causal for part in model.modules() if isinstance(part, Attention)):
        return "its tokens see only those before them"
    return ""


class Matching(NamedTuple):
    """Which tokens become one: positions of tokens, for each image.

    Args:
        kept: (B, M), those that stay, in their new order.
        merged: (B, r), those that go into others.
        target: (B, r), into which of those kept, in [0, M).
    """

    kept: Tensor
    merged: Tensor
    target: Tensor

    def into(self) -> Tensor:
        """Where every token goes, (B, M + r) in [0, M)."""
        kept, merged, target = self
        numbers = torch.arange(kept.shape[1], device=kept.device).expand_as(kept)
        return torch.cat([numbers, target], dim=1).gather(1, torch.cat([kept, merged], dim=1).argsort(1))


def match(keys: Tensor, r: int, num_prefix_tokens: int = 0) -> Matching:
    """The `r` most alike (bipartite soft matching, section 3 of the paper).

    Kept are the prefix tokens, then those of the first half that go nowhere, in their order, then the second half.

    Args:
        keys: (B, N, K), alike where their angle is small.
        r: how many, at most half of the patches.
        num_prefix_tokens: in front of the patches, never merged.
    """
    (B, N, _), P = keys.shape, num_prefix_tokens
    keys = F.normalize(keys[:, P:].float(), dim=-1)
    likeness, nearest = (keys[:, ::2] @ keys[:, 1::2].transpose(1, 2)).max(-1)  # (B, half)
    order = likeness.argsort(dim=-1, descending=True, stable=True)
    merged, staying = order[:, :r], order[:, r:].sort(-1).values
    prefix, second = (torch.arange(*span, device=keys.device).expand(B, -1) for span in ((P,), (P + 1, N, 2)))
    kept = torch.cat([prefix, P + 2 * staying, second], dim=1)
    return Matching(kept, P + 2 * merged, P + staying.shape[1] + nearest.gather(1, merged))


def merge(x: Tensor, sizes: Tensor, matching: Matching) -> tuple[Tensor, Tensor]:
    """Tokens (B, N, D) of `sizes` (B, N) patches each, float32, to (B, M, D) and (B, M): means, each patch of equal
    weight."""
    kept, merged, target = matching
    rows = torch.arange(x.shape[0], device=x.device)[:, None]
    staying, coming = sizes[rows, kept], sizes[rows, merged]
    sums = staying.scatter_add(1, target, coming)
    staying, coming = (
        (part / whole).to(x.dtype) for part, whole in ((staying, sums), (coming, sums.gather(1, target)))
    )
    shares = F.one_hot(target, kept.shape[1]).to(x.dtype) * coming[..., None]  # (B, r, M)
    return x[rows, kept] * staying[..., None] + shares.transpose(1, 2) @ x[rows, merged], sums


class MergingBlocks(nn.Module):
    """Blocks that merge tokens on the way, in place of a trunk's own.

    Args:
        blocks: pre-norm blocks of plain attention.
        r: tokens that each merges into others, as long as there are twice as many patches.
        num_prefix_tokens: in front of the patches, never merged.
    """

    def __init__(self, blocks: Iterable[nn.Module], r: int, num_prefix_tokens: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.r = r
        self.num_prefix_tokens = num_prefix_tokens

    def forward(self, x: Tensor, *, rope: None = None, mask: None = None) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); there are neither `rope` nor `mask` in the models this fits."""
        sizes = torch.ones(x.shape[:2], device=x.device)
        place = torch.arange(x.shape[1], device=x.device).expand(x.shape[0], -1)  # now, of each token that came in
        bias = None
        blocks: Any = self.blocks
        for block in blocks:
            q, k, v = block.attn.project(block.norm1(x))
            x = x + block.ls1(block.attn.read(q, k, v, bias))  # as `Residual` has it, with the keys at hand
            if r := min(self.r, (x.shape[1] - self.num_prefix_tokens) // 2):
                matching = match(k.mean(1), r, self.num_prefix_tokens)
                x, sizes = merge(x, sizes, matching)  # (B, M, D), (B, M)
                place = matching.into().gather(1, place)
                bias = sizes.log().to(x.dtype)[:, None, None]  # (B, 1, 1, M)
            x = block.residual(x, block.norm2, block.mlp, block.ls2)
        return x.gather(1, place[..., None].expand(-1, -1, x.shape[-1]))

    def extra_repr(self) -> str:
        """What it merges, for printing."""
        return f"r={self.r}, num_prefix_tokens={self.num_prefix_tokens}"
