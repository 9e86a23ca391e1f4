"""From many tokens to one vector: (B, N, D) to (B, D), or twice as long."""

import torch
from torch import Tensor, nn

from smalti.nn import CrossAttention, Mlp

__all__ = ["ClsMeanPool", "ClsPool", "MapPool", "MeanPool", "SeqPool"]


class ClsPool(nn.Module):
    """The class token (arXiv:2010.11929)."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, D)."""
        return x[:, 0]


class MeanPool(nn.Module):
    """The mean of the patch tokens; the first `num_prefix_tokens` are left out (arXiv:2205.01580)."""

    def __init__(self, num_prefix_tokens: int = 0) -> None:
        super().__init__()
        self.num_prefix_tokens = num_prefix_tokens

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, D)."""
        return x[:, self.num_prefix_tokens :].mean(1)


class ClsMeanPool(MeanPool):
    """The class token beside the mean of the patch tokens, as heads on DINOv2 read it (arXiv:2304.07193)."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, 2D)."""
        return torch.cat([x[:, 0], super().forward(x)], dim=1)


class SeqPool(nn.Module):
    """A mean of the tokens, weighted by how much each one has to say (sequence pooling of CCT, arXiv:2104.05704)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attention = nn.Linear(dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, D)."""
        return (self.attention(x).softmax(1).transpose(1, 2).to(x.dtype) @ x).squeeze(1)


class MapPool(CrossAttention):
    """A learned query attends to all tokens, then an MLP (multi-head attention pooling, arXiv:1810.00825 and
    arXiv:2106.04560).
    """

    def __init__(self, dim: int, num_heads: int, *, hidden_dim: int, norm: nn.Module) -> None:
        super().__init__(dim, num_heads)
        self.latent = nn.Parameter(torch.empty(1, 1, dim).normal_(std=dim**-0.5))
        self.norm = norm
        self.mlp = Mlp(dim, hidden_dim)

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - it brings the query
        """Tokens (B, N, D) to (B, D)."""
        y = super().forward(self.latent.expand(x.shape[0], -1, -1), context=self.context(x))  # (B, 1, D)
        return (y + self.mlp(self.norm(y))).squeeze(1)

    def weights(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The attention map (B, H, 1, N) of tokens (B, N, D)."""
        return super().weights(self.latent.expand(x.shape[0], -1, -1), context=self.context(x))
