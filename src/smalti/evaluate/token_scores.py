"""What is asked of a model of text: its logits for each token of a batch, and what the tokens are.

Legend: B rows a batch, N tokens, M tokens of a source, L layers, D width, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from smalti.data.batches import Batch
from smalti.data.randomness import uniforms
from smalti.objectives import hide

__all__ = ["Carried", "Masked", "Score", "next_token", "seq2seq"]

Score = Callable[[Any, Batch], tuple[Tensor, Tensor]]  # model and batch to logits (B, N, V) and targets (B, N)


def next_token(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """What a model of `NextToken` says of tokens and target (B, N)."""
    return model(batch["tokens"]), batch["target"]


def seq2seq(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """What a model of `TargetToken` says of source (B, M), tokens and target (B, N)."""
    return model(batch["source"], batch["tokens"]), batch["target"]


class Carried:
    """What a model of `CarriedNextToken` says of the batches of `AllStreams`, in their order.

    Args:
        start: (L, 1, D), the memory of a stream that begins.
    """

    def __init__(self, start: Tensor) -> None:
        self.memory = self.start = start

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Tokens and target (B, N), and fresh (B,), True in the first batch."""
        tokens = batch["tokens"]
        before = self.start.repeat(1, len(tokens), 1) if batch["fresh"].all() else self.memory
        logits, self.memory = model(tokens, before)
        return logits, batch["target"]


@dataclass(frozen=True)
class Masked:
    """What a model of `MaskedToken` says of tokens (B, N). Which are hidden, as in training, is a function of the
    seed and the id of the row: the same in every evaluation.

    Args:
        mask_id: as in `MaskedToken`.
        vocab_size: likewise.
        share: likewise.
        seed: of what is hidden.
    """

    mask_id: int
    vocab_size: int
    share: float = 0.15
    seed: int = 0

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Tokens (B, N) and id (B,)."""
        tokens = batch["tokens"]
        draws = uniforms(self.seed, 0, batch["id"].cpu(), tokens.shape[1] * 3, purpose="hide").to(tokens.device)
        shown, masked = hide(tokens, draws.view(*tokens.shape, 3), self.mask_id, self.vocab_size, self.share)
        return model(shown), tokens.masked_fill(~masked, -1)
