"""Each token from those before it: language modelling."""

from typing import Protocol

import torch.nn.functional as F
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
        rows, held = batch["row"], self._held(batch["row"])
        before = None if held is None else held[:, rows].masked_fill(batch["fresh"][:, None], 0)
        logits, after = model.extend(batch["tokens"], before)
        self._keep(rows, after.detach(), held)
        return token_loss(logits, batch["target"])

    def _held(self, rows: Tensor) -> Tensor | None:
        """The memories (L, R, D) of all streams, with room for these; None before there is any."""
        if "streams" not in self.memory:
            return None
        held = self.memory["streams"].to(rows.device)
        missing = int(rows.max()) + 1 - held.shape[1]
        return F.pad(held, (0, 0, 0, missing)) if missing > 0 else held

    def _keep(self, rows: Tensor, after: Tensor, held: Tensor | None) -> None:
        """Puts the memories (L, B, D) behind a batch into their places."""
        held = after.new_zeros(len(after), int(rows.max()) + 1, after.shape[2]) if held is None else held.clone()
        finite = after.isfinite().all(-1, keepdim=True).all(0, keepdim=True)  # (1, B, 1)
        held[:, rows] = after.where(finite, 0)
        self.memory["streams"] = held
