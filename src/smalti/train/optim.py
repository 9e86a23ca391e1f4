"""Optimisers: which rule moves which parameter."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.optim import Optimizer

from smalti.configs import demand, demand_words
from smalti.nn import Block
from smalti.train.muon import Muon

__all__ = ["READERS", "WEIGHT_DECAY", "OptimConfig", "build_optimizers", "set_lr"]


@dataclass(frozen=True)
class OptimConfig:
    """How weights move.

    Args:
        name: "muon" moves the matrices inside the blocks, and the kernels of convolutions that see no pixels, by
            orthogonalised momentum (Jordan et al. 2024; scaled as in arXiv:2502.16982, so that one lr serves it and
            AdamW) and everything else by AdamW; the others are torch's.
        lr: peak learning rate of the schedule.
        weight_decay: of matrices and kernels, a table with a row a token or a position of a text among them; biases,
            those of scores too, norms, gates, and positions and tokens of pictures are not decayed. Muon and AdamW
            shrink the weights by lr times this; the others add this times the weights to the gradient (L2), where the
            same number is far too much. `WEIGHT_DECAY` has what is usual.
        betas: of Adam and AdamW, also beside Muon.
        momentum: of SGD and RMSprop; that of Muon is 0.95.
        grad_clip: largest norm of the whole gradient; None for no clipping.
        layer_decay: a layer's rate is this times that of the layer above it, so that what was learned before changes
            the less the earlier it comes (BEiT, arXiv:2106.08254); 1 gives all one rate. A layer is a block, or a stage
            of a ResNet or ConvNeXt; a model without either has one rate whatever it says.
        ns_steps: of Muon's Newton-Schulz iteration. Five are usual; models of small pictures learn as well with three,
            which take less time, models of text do not (docs/log.md).
    """

    name: Literal["muon", "adamw", "adam", "sgd", "rmsprop"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = 0.9
    grad_clip: float | None = 1.0
    layer_decay: float = 1.0
    ns_steps: int = 5

    def __post_init__(self) -> None:
        demand_words(self, "optim")
        demand(0 < self.lr < math.inf, "optim.lr", self.lr, "a number above 0")
        demand(0 <= self.weight_decay < math.inf, "optim.weight_decay", self.weight_decay, "a number of 0 or more")
        demand(all(0 <= beta < 1 for beta in self.betas), "optim.betas", self.betas, "two numbers in [0, 1)")
        demand(0 < self.momentum < 1, "optim.momentum", self.momentum, "a number between 0 and 1")
        demand(self.ns_steps >= 1, "optim.ns_steps", self.ns_steps, "1 or more")
        demand(self.grad_clip is None or self.grad_clip > 0, "optim.grad_clip", self.grad_clip, "above 0, or none")
        demand(0 < self.layer_decay <= 1, "optim.layer_decay", self.layer_decay, "above 0, at most 1")


WEIGHT_DECAY = {"muon": 0.05, "adamw": 0.05, "adam": 0.0, "sgd": 5e-4, "rmsprop": 0.0}  # what is usual, by name
READERS = {  # of fields that not every one reads
    "betas": ("muon", "adamw", "adam"),
    "momentum": ("sgd", "rmsprop"),
    "ns_steps": ("muon",),
}
PIXELS = ("patch_embed.proj.", "patch_embed.stages.0.", "features.0.", "conv1.")  # convolutions of pictures
FRONT = ("patch_embed.", "token_embed.", "segment_embed.", "positions.", "embed_norm.")  # stands before the first block


def build_optimizers(model: nn.Module, config: OptimConfig) -> list[Optimizer]:
    """The optimisers of `model`; together they own each trainable parameter once."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    scales = layer_scales(model, config.layer_decay)
    if config.name != "muon":
        return [ELEMENTWISE[config.name](groups(named, scales, config.weight_decay), config)]
    hidden = [(name, p) for name, p in named if is_for_muon(name, p)]
    rest = [(name, p) for name, p in named if not is_for_muon(name, p)]
    optimizers: list[Optimizer] = [adamw(groups(rest, scales, config.weight_decay), config)]
    if hidden:
        matrices = groups(hidden, scales, config.weight_decay)
        optimizers.append(Muon(matrices, lr=config.lr, weight_decay=config.weight_decay, ns_steps=config.ns_steps))
    return optimizers


def set_lr(optimizers: list[Optimizer], lr: float) -> None:
    """Gives every group of every optimiser the learning rate `lr`, times the scale of its layer."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)  # groups of others have none


def is_for_muon(name: str, parameter: nn.Parameter) -> bool:
    """Whether a parameter maps features to features: a matrix inside a block of a Transformer, or a kernel of a
    convolution, but for one that sees pixels and one that keeps channels apart."""
    if parameter.ndim == 4:
        return parameter.shape[1] > 1 and not name.startswith(PIXELS)
    return parameter.ndim == 2 and "blocks." in name and not is_bias_of_scores(name)


def is_bias_of_scores(name: str) -> bool:
    """Whether a parameter says what offsets add to scores, as a table or as an MLP."""
    return ".rel_bias." in name


def layer_scales(model: nn.Module, decay: float) -> dict[str, float]:
    """The factor of each parameter's learning rate, by name: 1 for what comes after the last block or stage, `decay`
    for that one, and so on down to tokens, positions and patches.

    A parameter between blocks belongs to the one before it. Where there are none, all are 1.
    """
    stages = [stage for stage in getattr(model, "stages", ()) if list(stage.parameters())]
    layers = (name for name, module in model.named_modules() if isinstance(module, Block) or module in stages)
    starts = [f"{name}." for name in layers]
    scales, depth = {}, 0
    for name, _ in model.named_parameters():
        while depth < len(starts) and name.startswith(starts[depth]):
            depth += 1
        front = starts and ("." not in name or name.startswith(FRONT))
        behind = depth == len(starts) and not (starts and name.startswith(starts[-1]))
        layer = 0 if front else depth + behind
        scales[name] = decay ** (len(starts) + 1 - layer)
    return scales


def groups(named: list[tuple[str, nn.Parameter]], scales: dict[str, float], weight_decay: float) -> list[dict]:
    """Parameter groups: matrices and kernels, which decay, and the rest, which does not; of one learning rate each."""
    found: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        decayed = weight_decay if parameter.ndim in (2, 4) and not is_bias_of_scores(name) else 0.0
        found.setdefault((decayed, scales[name]), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decayed, "lr_scale": scale}
        for (decayed, scale), parameters in found.items()
    ]


def adamw(groups: list[dict], config: OptimConfig) -> Optimizer:
    """AdamW (arXiv:1711.05101), one fused kernel a step."""
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)


ELEMENTWISE = {
    "adamw": adamw,
    "adam": lambda groups, config: torch.optim.Adam(groups, lr=config.lr, betas=config.betas, fused=True),
    "sgd": lambda groups, config: torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=True),
    "rmsprop": lambda groups, config: torch.optim.RMSprop(groups, lr=config.lr, momentum=config.momentum),
}
