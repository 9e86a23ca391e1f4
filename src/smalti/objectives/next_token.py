"""Each token from those before it: language modelling."""

from typing import Protocol

import torch
from torch import Tensor

from smalti.objectives.objective import Batch, Forward
from smalti.objectives.tokens import token_loss

__all__ = ["CarriedNextToken", "NextToken"]


class NextToken:
    """The mean cross-entropy of the next token, in nats."""

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of tokens (B, N) and target (B, N), their successors. Metric: accuracy."""
        return token_loss(model(batch["tokens"]), batch["target"])


class Carrying(Protocol):
    """A model that goes on from a memory."""

    def __call__(self, tokens: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N) and the memory (L, B, D) before them to logits (B, N, V) and the memory behind them."""
        ...


class CarriedNextToken:
    """The same for recurrent models whose memory is carried from batch to batch, without its gradient: truncated
    back-propagation through time (Williams and Peng 1990).

    The memory of every stream is kept in `memory`, in fp32, so a run that saves and restores this dict goes on bit for
    bit. A stream whose memory is not finite begins anew.

    Args:
        memory: under "streams" (L, R, D), a column each stream; filled by the first call, changed by every call.
        start: (L, 1, D), the memory of a stream that begins.
    """

    def __init__(self, memory: dict[str, Tensor], start: Tensor) -> None:
        self.memory, self.start = memory, start

    def __call__(self, model: Carrying, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of tokens (B, N), target (B, N), row (B,), the stream of each, and fresh (B,), True where one begins.
        Metric: accuracy."""
        rows = batch["row"]
        held = self._held(int(rows.max()) + 1)
        logits, after = model(batch["tokens"], held[:, rows].where(~batch["fresh"][:, None], self.start))
        finite = after.isfinite().all(-1, keepdim=True).all(0, keepdim=True)  # (1, B, 1)
        held[:, rows] = after.detach().where(finite, self.start)
        self.memory["streams"] = held
        return token_loss(logits, batch["target"])

    def _held(self, count: int) -> Tensor:
        """A copy of the memories (L, R, D) of all streams, of `count` or more."""
        held = self.memory.get("streams", self.start[:, :0])
        return torch.cat([held, self.start.expand(-1, max(0, count - held.shape[1]), -1)], dim=1)
