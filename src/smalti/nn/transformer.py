"""The one Transformer: blocks of attention and MLP, then a last norm. It has never heard of images or text."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from smalti.nn.attention import Context
from smalti.nn.cache import Cache
from smalti.nn.residual import Residual

__all__ = ["Block", "DecoderBlock", "Transformer"]


class Block(nn.Module):
    """Tokens look at each other (attention), then each thinks alone (MLP): two residuals (arXiv:2010.11929, eq. 2 and
    3).

    Args:
        norm1: of the attention's branch.
        attn: (B, N, D) to (B, N, D), takes `rope`, `mask` and, in a decoder, `cache`.
        norm2: of the MLP's branch.
        mlp: (B, N, D) to (B, N, D).
        ls1: gate of the attention's branch; `nn.Identity()` for none.
        ls2: gate of the MLP's branch.
        residual: the wiring of both branches.
    """

    def __init__(
        self,
        norm1: nn.Module,
        attn: nn.Module,
        norm2: nn.Module,
        mlp: nn.Module,
        *,
        ls1: nn.Module | None = None,
        ls2: nn.Module | None = None,
        residual: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.norm1 = norm1
        self.attn = attn
        self.ls1 = ls1 or nn.Identity()
        self.norm2 = norm2
        self.mlp = mlp
        self.ls2 = ls2 or nn.Identity()
        self.residual = residual or Residual()

    def forward(self, x: Tensor, **data: Any) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `data` (rope, mask, cache) goes to the attention."""
        x = self.residual(x, self.norm1, self.attn, self.ls1, **data)
        return self.residual(x, self.norm2, self.mlp, self.ls2)


class DecoderBlock(Block):
    """A block with a third residual between its two: the tokens read another sequence (arXiv:1706.03762, fig. 1).

    Args:
        parts: of `Block`; the attention is causal.
        norm_cross: of the branch that reads.
        cross: (B, N, D) to (B, N, D), takes `context`.
        ls_cross: gate of that branch; None for none.
        options: of `Block`.
    """

    def __init__(
        self,
        *parts: nn.Module,
        norm_cross: nn.Module,
        cross: nn.Module,
        ls_cross: nn.Module | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.norm_cross = norm_cross
        self.cross = cross
        self.ls_cross = ls_cross or nn.Identity()

    def forward(self, x: Tensor, *, context: Context, **data: Any) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `context` goes to `cross`, other `data` to the attention."""
        x = self.residual(x, self.norm1, self.attn, self.ls1, **data)
        x = self.residual(x, self.norm_cross, self.cross, self.ls_cross, context=context)
        return self.residual(x, self.norm2, self.mlp, self.ls2)


class Transformer(nn.Module):
    """The trunk of every model.

    Args:
        block: builds block `i`; drop-path ramps and alternating windows live in this function.
        depth: how many blocks.
        norm: after the last block.
    """

    def __init__(self, block: Callable[[int], nn.Module], depth: int, norm: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(block(i) for i in range(depth))
        self.norm = norm

    def forward(
        self,
        x: Tensor,
        *,
        rope: Tensor | None = None,
        mask: Tensor | None = None,
        cache: Cache | None = None,
        context: Sequence[Context] | None = None,
    ) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D). All blocks share `rope` and `mask`; of `cache` (what was seen before)
        and `context` (what they read), where there are such, each has its own part."""
        for i, block in enumerate(self.blocks):
            own = {name: parts[i] for name, parts in (("cache", cache), ("context", context)) if parts is not None}
            x = block(x, rope=rope, mask=mask, **own)
        return self.norm(x)
