"""Masks say who may attend to whom: boolean, True = may attend, broadcastable to (B, H, N, M). A float mask is a bias
on the scores.
"""

import torch
from torch import Tensor

__all__ = ["causal_bias", "causal_mask", "combine", "padding_bias"]


def causal_mask(num_tokens: int, device: torch.device | str = "cpu", *, num_keys: int | None = None) -> Tensor:
    """(N, M): a token may attend to itself and to those before it; the N tokens are the last of the M keys, which are
    as many unless `num_keys` says so."""
    M = num_keys or num_tokens
    return torch.ones(num_tokens, M, dtype=torch.bool, device=device).tril(M - num_tokens)


def causal_bias(scores: Tensor) -> Tensor:
    """`causal_mask` as what is added to scores (..., N, M), in their type: (N, M)."""
    N, M = scores.shape[-2:]
    return scores.new_full((N, M), -torch.inf).triu_(M - N + 1)


def padding_bias(real: Tensor) -> Tensor:
    """(B, 1, 1, M): nobody attends to what is no `real` (B, M) token, as a bias.

    It is finite, so that padding which sees padding only is a mean of it and no division by zero; a real token gives it
    a weight of exactly zero.
    """
    return torch.zeros(real.shape, device=real.device).masked_fill(~real, -1e30)[:, None, None]


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
