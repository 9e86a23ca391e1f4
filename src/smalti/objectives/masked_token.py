"""Hidden tokens from those around them: masked language modelling (BERT, arXiv:1810.04805)."""

import torch
from torch import Tensor

from smalti.configs import demand
from smalti.objectives.objective import Batch, Forward
from smalti.objectives.tokens import token_loss

__all__ = ["MaskedToken", "hide"]


class MaskedToken:
    """The mean cross-entropy of the hidden tokens, in nats. Which are hidden is drawn from torch's generator, which the
    loop seeds for every step.

    A model with `forward_features` and a `forward_head` of tokens (M, D) computes its head for the hidden tokens alone.

    Args:
        mask_id: stands where a token is hidden.
        vocab_size: of ordinary ids; ids from there on are special and never hidden.
        share: of the tokens that are hidden, in (0, 1].
    """

    def __init__(self, mask_id: int, vocab_size: int, share: float = 0.15) -> None:
        demand(0 < share <= 1, "share", share, "in (0, 1]")
        self.mask_id, self.vocab_size, self.share = mask_id, vocab_size, share

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of tokens (B, N). Metric: accuracy, on the hidden tokens."""
        tokens = batch["tokens"]
        draws = torch.rand(*tokens.shape, 3, device=tokens.device)
        shown, masked = hide(tokens, draws, self.mask_id, self.vocab_size, self.share)
        return token_loss(logits_at(model, shown, masked), tokens[masked])


def hide(tokens: Tensor, draws: Tensor, mask_id: int, vocab_size: int, share: float) -> tuple[Tensor, Tensor]:
    """Tokens (B, N) and uniform numbers (B, N, 3) to what the model is shown (B, N) and masked (B, N), True where a
    token is to be predicted.

    Of the masked tokens 80 % are replaced by `mask_id`, 10 % by an ordinary id, and 10 % stay, so that the model has to
    think about every token (BERT, section 3.1). Padding and special ids are not masked.
    """
    chosen, manner, other = draws.unbind(-1)
    masked = (chosen < share) & (tokens >= 0) & (tokens < vocab_size)
    shown = tokens.where(~masked | (manner >= 0.9), (other * vocab_size).long())
    return shown.masked_fill(masked & (manner < 0.8), mask_id), masked


def logits_at(model: Forward, tokens: Tensor, masked: Tensor) -> Tensor:
    """The logits (M, V) of the M masked places of tokens (B, N)."""
    features, head = (getattr(model, name, None) for name in ("forward_features", "forward_head"))
    return head(features(tokens)[masked]) if features and head else model(tokens)[masked]
