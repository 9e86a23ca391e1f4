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


class Extends(Protocol):
    """A model that goes on from a memory."""

    def extend(self, tokens: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Tokens (B, n) to logits (B, n, V) and the memory (L, B, D) behind them; no memory is a memory of zeros."""
        ...


class CarriedNextToken:
    """The same for recurrent models whose memory is carried from batch to batch, without its gradient: truncated
    back-propagation through time (Williams and Peng 1990).

    The memory of every stream is kept in `memory`, so a run that saves and restores this dict goes on bit for bit. A
    stream whose memory is not finite begins anew.

    Args:
        memory: under "streams" (L, R, D), a column each stream; filled by the first call, changed by every call.
    """

    def __init__(self, memory: dict[str, Tensor]) -> None:
        self.memory = memory

    def __call__(self, model: Extends, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of tokens (B, N), target (B, N), row (B,), the stream of each, and fresh (B,), True where one begins.
        Metric: accuracy."""
        rows = batch["row"]
        logits, after = model.extend(batch["tokens"], self._recall(rows, batch["fresh"]))
        self._keep(rows, after.detach())
        return token_loss(logits, batch["target"])

    def _recall(self, rows: Tensor, fresh: Tensor) -> Tensor | None:
        """The memories (L, B, D) of these streams; None before there is any."""
        if "streams" not in self.memory:
            return None
        held = self._room(rows, self.memory["streams"].to(rows.device))
        return held[:, rows].masked_fill(fresh[:, None], 0)

    def _keep(self, rows: Tensor, after: Tensor) -> None:
        held = self.memory.get("streams", after[:, :0])
        finite = after.isfinite().all(-1, keepdim=True).all(0, keepdim=True)  # (1, B, 1)
        held = self._room(rows, held.to(after.device)).clone()
        held[:, rows] = after.where(finite, 0)
        self.memory["streams"] = held

    @staticmethod
    def _room(rows: Tensor, held: Tensor) -> Tensor:
        """`held` (L, R, D) with a column for every one of `rows`: new ones are zero."""
        missing = int(rows.max()) + 1 - held.shape[1]
        return torch.cat([held, held.new_zeros(len(held), missing, held.shape[2])], 1) if missing > 0 else held
