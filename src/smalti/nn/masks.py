"""Masks say who may attend to whom: boolean, True = may attend, broadcastable to (B, H, N, M). A float mask is a bias
on the scores.
"""

import torch
from torch import Tensor

__all__ = ["causal_mask", "combine", "padding_mask"]


def causal_mask(num_tokens: int, device: torch.device | str = "cpu") -> Tensor:
    """(N, N): a token may attend to itself and to those before it."""
    return torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=device).tril()


def padding_mask(lengths: Tensor, num_tokens: int) -> Tensor:
    """(B, 1, 1, N): nobody attends past the first `lengths[b]` tokens of sequence b. `lengths` is (B,) int."""
    return (torch.arange(num_tokens, device=lengths.device) < lengths[:, None])[:, None, None]


def combine(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """One mask that says what both say: booleans are and-ed, biases added."""
    if first is None or second is None:
        return second if first is None else first
    if first.dtype == second.dtype == torch.bool:
        return first & second
    return as_bias(first) + as_bias(second)


def as_bias(mask: Tensor) -> Tensor:
    """A boolean mask as what is added to the scores: 0 where it allows, minus infinity elsewhere."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, -torch.inf)
