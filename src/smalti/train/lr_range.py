"""A short range test: which learning rate to start from, asked of the model and the data themselves (after Smith,
arXiv:1506.01186).
"""

import copy
from collections.abc import Iterator

import torch
from torch import nn

from smalti.nn.precision import in_precision
from smalti.objectives import Batch, Objective
from smalti.train.loop import LoopConfig, parts, seed_noise, train_step
from smalti.train.optim import OptimConfig, build_optimizers, set_lr
from smalti.train.state import TrainState

__all__ = ["find_lr"]

LOW, HIGH = 1e-5, 1.0  # rates that are tried
RISE = 1.05  # of the loss, by which a rate is seen to be too high
BELOW = 20  # times below that rate lie those that were measured (docs/log.md)


def find_lr(
    model: nn.Module,
    objective: Objective,
    batches: Iterator[Batch],
    optim: OptimConfig,
    loop: LoopConfig,
    *,
    seed: int,
    steps: int = 60,
) -> float:
    """A twentieth of the rate that undoes learning: a copy of `model` takes steps with a rate that grows from 1e-5 to 1
    until the loss is 5 % above where it began. `model` itself is not moved.

    The loss is that of one batch, the first, which is not learned from: so few steps teach less than batches differ,
    and where the loss of each step's own batch is lowest is chance.
    """
    model = copy.deepcopy(model).train()
    state = TrainState(model, build_optimizers(model, optim))
    on_device = ({name: tensor.to(state.device) for name, tensor in batch.items()} for batch in batches)
    judge = next(parts(next(on_device), loop.accumulate))

    def judged() -> float:
        seed_noise(state.device, seed, "lr range")
        with torch.no_grad():
            return float(objective(in_precision(model, loop.precision), judge)[0])

    start = smooth = judged()
    lr = LOW
    for step, batch in zip(range(steps), on_device, strict=False):
        lr = LOW * (HIGH / LOW) ** (step / max(steps - 1, 1))
        set_lr(state.optimizers, lr)
        seed_noise(state.device, seed, "lr range", step)
        _, finite = train_step(state, batch, objective, loop, optim.grad_clip)
        smooth = (smooth + judged()) / 2
        if not finite or not smooth <= RISE * start:  # a loss that is not a number has risen too
            break
    return float(f"{max(LOW, lr / BELOW):.2g}")
