"""Everything that changes while a run trains, and nothing else: what a checkpoint holds."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from smalti.train.ema import EMA

__all__ = ["Meter", "TrainState"]


@dataclass
class Meter:
    """Means of numbers since the last reading, weighted by batch size."""

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, values: dict[str, float], count: int) -> None:
        """Takes in the means of a batch of `count` samples."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * count
        self.count += count

    def means(self) -> dict[str, float]:
        """The means so far; empty before the first batch."""
        return {name: total / self.count for name, total in self.sums.items()} if self.count else {}

    def reset(self) -> None:
        """Forgets all."""
        self.sums, self.count = {}, 0


@dataclass
class TrainState:
    """The moving parts of a run.

    Args:
        model: learns.
        optimizers: move it.
        ema: the running mean of its weights, where the run keeps one.
        step: optimiser steps done.
        seconds: wall clock spent training, over all parts of an interrupted run.
        best: the best value of the selecting metric so far.
        since_best: evaluations since then.
        skipped: steps in a row whose gradient was not finite.
        meter: training numbers since the last row.
        rows: what metrics.jsonl holds.
        memory: what the objective carries from step to step, such as the states of recurrent streams.
        pace: (step, seconds) at each row; apart from `rows`, since it differs between equal runs.
    """

    model: nn.Module
    optimizers: list[Optimizer]
    ema: EMA | None = None
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    since_best: int = 0
    skipped: int = 0
    meter: Meter = field(default_factory=Meter)
    rows: list[dict[str, float]] = field(default_factory=list)
    memory: dict[str, torch.Tensor] = field(default_factory=dict)
    pace: list[tuple[int, float]] = field(default_factory=list)

    @property
    def averaged(self) -> nn.Module:
        """The model that is judged and kept: the running mean where there is one."""
        return self.model if self.ema is None else self.ema.module

    def state_dict(self) -> dict[str, Any]:
        """A tree of tensors and plain data."""
        return {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "ema": self.ema and self.ema.module.state_dict(),
            "counters": {name: getattr(self, name) for name in COUNTERS},
            "meter": {"sums": self.meter.sums, "count": self.meter.count},
            "rows": self.rows,
            "memory": self.memory,
            "pace": self.pace,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes back to where `state_dict` was taken; bit for bit."""
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        for name in COUNTERS:
            setattr(self, name, state["counters"][name])
        self.meter = Meter(dict(state["meter"]["sums"]), state["meter"]["count"])
        self.rows = [dict(row) for row in state["rows"]]
        self.memory = {name: tensor.to(self.device) for name, tensor in state["memory"].items()}
        self.pace = [(step, seconds) for step, seconds in state["pace"]]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device


COUNTERS = ("step", "seconds", "best", "since_best", "skipped")
