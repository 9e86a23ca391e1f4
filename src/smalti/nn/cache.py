"""What a causal Transformer remembers of the tokens it has seen, so that the next ones cost only themselves.

Memory is taken ahead and doubled when it is full: a token is written once. A cache is changed by who extends it; two
continuations of one text need two. On a CPU it is fp32 at least, whatever the tokens are: attention of one token takes
5 to 9 times as long in bf16 there (docs/log.md).

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
        self.kept: tuple[Tensor, Tensor] | None = None  # (B, H, room, K) each

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Remembers keys and values (B, H, N, K) of new tokens; gives those of all, (B, H, M + N, K)."""
        start, new = self.length, k.shape[2]
        self.length += new
        if self.kept is None or self.length > self.kept[0].shape[2]:
            self.kept = self.grown(k)
        for kept, one in zip(self.kept, (k, v), strict=True):
            kept.narrow(2, start, new).copy_(one)
        return self.kept[0].narrow(2, 0, self.length), self.kept[1].narrow(2, 0, self.length)

    def grown(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Memory for the tokens there are now, and as many again, with what was kept."""
        (B, H, _, K), dtype = like.shape, like.dtype
        if like.device.type == "cpu":
            dtype = torch.promote_types(dtype, torch.float32)
        room = min(self.max_len, max(2 * (self.kept[0].shape[2] if self.kept else 0), self.length, LEAST))
        made = (like.new_empty(B, H, room, K, dtype=dtype), like.new_empty(B, H, room, K, dtype=dtype))
        for kept, new in zip(self.kept or (), made, strict=False):
            new[:, :, : kept.shape[2]] = kept
        return made

    def reorder(self, rows: Tensor) -> None:
        """Goes on with rows (B,) of the batch."""
        self.kept = None if self.kept is None else (self.kept[0][rows], self.kept[1][rows])

    def with_keys(self, k: Tensor) -> Tensor:
        """The keys (B, H, M + N, K) there would be with new ones (B, H, N, K)."""
        return k if self.kept is None else torch.cat([self.kept[0][:, :, : self.length], k.to(self.kept[0])], dim=2)


class Cache:
    """What a Transformer has seen of a batch of texts: `cache[i]` is for block i.

    Args:
        depth: of the Transformer.
        max_len: how many tokens may come at most.
    """

    def __init__(self, depth: int, max_len: int) -> None:
        self.blocks = [KeyValues(max_len) for _ in range(depth)]
        self.real: Tensor | None = None  # (B, M) bool, which of the tokens are no padding; None where all are real

    def reorder(self, rows: Tensor) -> "Cache":
        """What was seen of rows (B,) of the batch, in this order: itself, changed."""
        for block in self.blocks:
            block.reorder(rows)
        self.real = None if self.real is None else self.real[rows]
        return self

    def __getitem__(self, block: int) -> KeyValues:
        return self.blocks[block]

    def __len__(self) -> int:
        """M, the tokens seen."""
        return self.blocks[0].length
