"""A running mean of the weights: often better than the last weights, at no cost in use (Polyak and Juditsky, 1992)."""

import copy

import torch
from torch import nn

__all__ = ["EMA"]


class EMA:
    """Exponential moving average of a model's parameters; buffers are copied.

    Args:
        model: its first weights are the first mean.
        decay: share of the old mean that stays at each step; ramps up as (1 + t) / (10 + t), so that the first steps
            are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Moves the mean towards the model after optimiser step `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(self.module.parameters(), model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        for mean, value in zip(self.module.buffers(), model.buffers(), strict=True):
            mean.copy_(value)
