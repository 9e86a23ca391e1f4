"""What a causal Transformer remembers of the tokens it has seen, so that the next ones cost only themselves.

Memory is taken ahead and doubled when it is full: a token is written once. A cache is changed by who extends it; two
continuations of one text need two.

Shapes: B batch, H heads, M tokens seen, N new ones, K head width.
"""

import torch
from torch import Tensor

__all__ = ["Cache", "KeyValues"]

LEAST = 64  # tokens there is room for at once


class KeyValues:
    """Keys and values of one attention.

    Args:
        max_len: how many tokens may come at most.
    """

    def __init__(self, max_len: int) -> None:
        self.max_len = max_len
        self.length = 0
        self.kept: Tensor | None = None  # (2, B, H, room, K)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Remembers keys and values (B, H, N, K) of new tokens; gives those of all, (B, H, M + N, K)."""
        end = self.length + k.shape[2]
        room = 0 if self.kept is None else self.kept.shape[3]
        if self.kept is None or end > room:
            grown = k.new_empty(2, *k.shape[:2], min(self.max_len, max(2 * room, end, LEAST)), k.shape[3])
            if self.kept is not None:
                grown[:, :, :, : self.length] = self.kept[:, :, :, : self.length]
            self.kept = grown
        self.kept[0, :, :, self.length : end] = k
        self.kept[1, :, :, self.length : end] = v
        self.length = end
        k, v = self.kept[:, :, :, :end].unbind(0)
        return k, v

    def with_keys(self, k: Tensor) -> Tensor:
        """The keys (B, H, M + N, K) there would be with new ones (B, H, N, K)."""
        return k if self.kept is None else torch.cat([self.kept[0, :, :, : self.length], k], dim=2)


class Cache:
    """What a Transformer has seen of a batch of texts: `cache[i]` is for block i.

    Args:
        depth: of the Transformer.
        max_len: how many tokens may come at most.
    """

    def __init__(self, depth: int, max_len: int) -> None:
        self.blocks = [KeyValues(max_len) for _ in range(depth)]
        self.real: Tensor | None = None  # (B, M) bool, which of the tokens are no padding; None where all are real

    def __getitem__(self, block: int) -> KeyValues:
        return self.blocks[block]

    def __len__(self) -> int:
        """M, the tokens seen."""
        return self.blocks[0].length
