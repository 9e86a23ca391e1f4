"""From many tokens to one vector: (B, N, D) to (B, D)."""

import torch
from torch import Tensor, nn

from smalti.nn import Mlp, attend

__all__ = ["ClsPool", "MapPool", "MeanPool", "SeqPool"]


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


class SeqPool(nn.Module):
    """A mean of the tokens, weighted by how much each one has to say (sequence pooling of CCT, arXiv:2104.05704)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attention = nn.Linear(dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, D)."""
        return (self.attention(x).softmax(1).transpose(1, 2).to(x.dtype) @ x).squeeze(1)


class MapPool(nn.Module):
    """A learned query attends to all tokens, then an MLP (multi-head attention pooling, arXiv:1810.00825 and
    arXiv:2106.04560).
    """

    def __init__(self, dim: int, num_heads: int, *, hidden_dim: int, norm: nn.Module) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.latent = nn.Parameter(torch.empty(1, 1, dim).normal_(std=dim**-0.5))
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm = norm
        self.mlp = Mlp(dim, hidden_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, D)."""
        q = self.q(self.latent).expand(x.shape[0], -1, -1).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        k, v = self.kv(x).unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, N, K)
        y = self.proj(attend(q, k, v).transpose(1, 2).flatten(2))  # (B, 1, D)
        return (y + self.mlp(self.norm(y))).squeeze(1)
