"""Optimisers: which rule moves which parameter."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.optim import Optimizer

from smalti.configs import demand
from smalti.train.muon import Muon

__all__ = ["OptimConfig", "build_optimizers", "set_lr"]


@dataclass(frozen=True)
class OptimConfig:
    """How weights move.

    Args:
        name: "muon" moves the matrices inside the blocks by orthogonalised momentum (Jordan et al. 2024; scaled as in
            arXiv:2502.16982, so that one lr serves it and AdamW) and everything else by AdamW; the others are torch's.
        lr: peak learning rate of the schedule.
        weight_decay: of matrices only; biases, those of scores too, norms, gates, positions and tokens are not decayed.
        betas: of Adam and AdamW.
        momentum: of SGD and RMSprop.
        grad_clip: largest norm of the whole gradient; None for no clipping.
    """

    name: Literal["muon", "adamw", "adam", "sgd", "rmsprop"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = 0.9
    grad_clip: float | None = 1.0

    def __post_init__(self) -> None:
        demand(0 < self.lr < math.inf, "optim.lr", self.lr, "a number above 0")
        demand(0 <= self.weight_decay < math.inf, "optim.weight_decay", self.weight_decay, "a number of 0 or more")
        demand(all(0 <= beta < 1 for beta in self.betas), "optim.betas", self.betas, "two numbers in [0, 1)")
        demand(0 < self.momentum < 1, "optim.momentum", self.momentum, "a number between 0 and 1")
        demand(self.grad_clip is None or self.grad_clip > 0, "optim.grad_clip", self.grad_clip, "above 0, or none")


def build_optimizers(model: nn.Module, config: OptimConfig) -> list[Optimizer]:
    """The optimisers of `model`; together they own each trainable parameter once."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if config.name != "muon":
        return [ELEMENTWISE[config.name](list(decay_groups(named, config.weight_decay)), config)]
    hidden = {name for name, p in named if is_hidden_matrix(name, p)}
    matrices = [p for name, p in named if name in hidden]
    rest = [(name, p) for name, p in named if name not in hidden]
    optimizers: list[Optimizer] = [adamw(list(decay_groups(rest, config.weight_decay)), config)]
    if matrices:
        optimizers.append(Muon(matrices, lr=config.lr, weight_decay=config.weight_decay))
    return optimizers


def set_lr(optimizers: list[Optimizer], lr: float) -> None:
    """Gives every group of every optimiser the learning rate `lr`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr


def is_hidden_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Whether a parameter maps tokens to tokens inside a block: what Muon is made for."""
    return parameter.ndim == 2 and "blocks." in name and not is_bias_of_scores(name)


def is_bias_of_scores(name: str) -> bool:
    """Whether a parameter says what offsets add to scores, as a table or as an MLP."""
    return ".rel_bias." in name


def decay_groups(named: list[tuple[str, nn.Parameter]], weight_decay: float) -> Iterator[dict]:
    """Two parameter groups: matrices and kernels, which decay, and the rest, which does not."""
    matrices = {name for name, p in named if p.ndim in (2, 4) and not is_bias_of_scores(name)}
    decayed = [p for name, p in named if name in matrices]
    kept = [p for name, p in named if name not in matrices]
    yield from (
        {"params": params, "weight_decay": decay} for params, decay in ((decayed, weight_decay), (kept, 0.0)) if params
    )


def adamw(groups: list[dict], config: OptimConfig) -> Optimizer:
    """AdamW (arXiv:1711.05101), one fused kernel a step."""
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)


ELEMENTWISE = {
    "adamw": adamw,
    "adam": lambda groups, config: torch.optim.Adam(groups, lr=config.lr, betas=config.betas, fused=True),
    "sgd": lambda groups, config: torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=True),
    "rmsprop": lambda groups, config: torch.optim.RMSprop(groups, lr=config.lr, momentum=config.momentum),
}
