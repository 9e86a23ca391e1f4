"""The one Transformer: blocks of attention and MLP, then a last norm. It has never heard of images or text."""

from collections.abc import Callable

from torch import Tensor, nn

from smalti.nn.residual import Residual

__all__ = ["Block", "Transformer"]


class Block(nn.Module):
    """Tokens look at each other (attention), then each thinks alone (MLP): two residuals (arXiv:2010.11929, eq. 2 and
    3).

    Args:
        norm1: of the attention's branch.
        attn: (B, N, D) to (B, N, D), takes `rope` and `mask`.
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

    def forward(self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D)."""
        x = self.residual(x, self.norm1, self.attn, self.ls1, rope=rope, mask=mask)
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

    def forward(self, x: Tensor, *, rope: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D)."""
        for block in self.blocks:
            x = block(x, rope=rope, mask=mask)
        return self.norm(x)
