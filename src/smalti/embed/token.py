"""A text as tokens: an id gives a vector, its place another one or a rotation.

A negative id is padding, on either side: nobody attends to it, and places count real tokens only, so that it changes
nothing of the sequence it fills.

Shapes: B batch, N tokens, M those seen before and these, D width, K head width.
"""

import torch
from torch import Tensor, nn

from smalti.nn import Cache, padding_bias

__all__ = ["AddedPositions", "RotaryPositions", "TokenEmbed", "is_padded", "placed", "real_first"]

Place = slice | Tensor  # of each token in its text: the same in all, or (B, N)


class TokenEmbed(nn.Embedding):
    """A learned vector for every id. (B, N) to (B, N, D); what padding becomes, nobody reads."""

    def forward(self, tokens: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - torch says input
        """Ids (B, N) to (B, N, D)."""
        return super().forward(tokens.clamp(min=0))


def is_padded(tokens: Tensor) -> bool:
    """Whether there is padding among the ids. A graph (torch.compile, torch.export) is one for all texts, and so made
    for those with padding."""
    return torch.compiler.is_compiling() or (not tokens.is_meta and bool((tokens < 0).any()))


def placed(tokens: Tensor, cache: Cache | None = None) -> tuple[Place, Tensor | None]:
    """Where ids (B, N) stand in their texts, and the mask (B, 1, 1, M) that hides padding, if there is any.

    They continue what is in `cache`, which learns what is padding among them.
    """
    before = 0 if cache is None else len(cache)
    known = None if cache is None else cache.real
    if known is None and not is_padded(tokens):
        return slice(before, before + tokens.shape[1]), None
    if known is None:
        known = tokens.new_ones(tokens.shape[0], before, dtype=torch.bool)
    real = torch.cat([known, tokens >= 0], dim=1)
    if cache is not None:
        cache.real = real
    return (real.cumsum(1) - 1).clamp(min=0)[:, before:], padding_bias(real)


def real_first(tokens: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Ids (B, N), and what goes with them, with the padding moved behind the real ones."""
    if not is_padded(tokens):
        return tokens, *others
    order = (tokens < 0).int().argsort(dim=1, stable=True)
    return tuple(one.gather(1, order) for one in (tokens, *others))


class AddedPositions(nn.Module):
    """A vector for every place, added to that of the token.

    Args:
        table: (L, D), of places 0 to L - 1.
        learned: it is a first guess, not what stays.
    """

    def __init__(self, table: Tensor, *, learned: bool) -> None:
        super().__init__()
        self.table: Tensor
        if learned:
            self.table = nn.Parameter(table)
        else:
            self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor, place: Place) -> tuple[Tensor, None]:
        """Tokens (B, N, D) with their positions; attention needs no more."""
        return x + self.table[place].to(x.dtype), None


class RotaryPositions(nn.Module):
    """An angle for every place, by which attention turns queries and keys.

    Args:
        table: (2, L, K), from `nn.rope_1d`.
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table: Tensor
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        """The tokens as they are, and their angles (2, 1, N, K) or (2, B, 1, N, K)."""
        return x, self.table[:, place].unsqueeze(-3)
