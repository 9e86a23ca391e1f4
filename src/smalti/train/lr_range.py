"""A short range test: which learning rate to start from, asked of the model and the data themselves (Smith,
arXiv:1506.01186).
"""

import copy
from collections.abc import Iterator

from torch import nn

from smalti.objectives import Batch, Objective
from smalti.train.loop import LoopConfig, seed_noise, train_step
from smalti.train.optim import OptimConfig, build_optimizers, set_lr
from smalti.train.state import TrainState

__all__ = ["find_lr"]

LOW, HIGH = 1e-5, 1.0  # rates that are tried


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
    """Trains a copy of `model` for a few steps with a rate that grows from 1e-5 to 1, and picks from where it learned.

    The answer is a third of the rate at which the smoothed loss was lowest: past that point steps are too long, well
    below it they are shorter than need be. `model` itself is not moved.
    """
    model = copy.deepcopy(model)
    state = TrainState(model, build_optimizers(model, optim))
    rates, losses, smooth = [], [], None
    for step, batch in zip(range(steps), batches, strict=False):
        lr = LOW * (HIGH / LOW) ** (step / max(steps - 1, 1))
        set_lr(state.optimizers, lr)
        seed_noise(state.device, seed, "lr range", step)
        batch = {name: tensor.to(state.device) for name, tensor in batch.items()}
        values, finite = train_step(state, batch, objective, loop, optim.grad_clip)
        if not finite:
            break
        smooth = values["loss"] if smooth is None else 0.8 * smooth + 0.2 * values["loss"]
        rates.append(lr)
        losses.append(smooth)
        if smooth > 3 * min(losses) + 1:
            break
    if not losses:
        return LOW
    best = rates[min(range(len(losses)), key=losses.__getitem__)]
    return float(f"{max(LOW, best / 3):.2g}")
