"""What losses on text share. Legend: B texts, N tokens, V vocabulary; a negative target is padding."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["token_loss"]


def token_loss(logits: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits (..., V) and targets (...) to the mean cross-entropy of the real tokens in nats, 0 where there is none,
    and their accuracy. In fp32, whatever the logits are in."""
    logits, target = logits.flatten(0, -2).float(), target.flatten()  # (B * N, V), (B * N,)
    real = target >= 0
    count = real.sum().clamp(min=1)
    loss = F.cross_entropy(logits, target.clamp(min=-1), ignore_index=-1, reduction="sum") / count
    return loss, {"accuracy": ((logits.detach().argmax(-1) == target) & real).sum() / count}
