"""The one training loop. It knows steps and time; what is learned is the objective's business, what is good the
evaluator's.

Two promises shape it. Noise (dropout, drop-path) is a function of (seed, step), so a resumed run equals an unbroken
one bit for bit. A step whose loss or gradient is not finite is not applied.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, cast

import torch
from torch import nn

from smalti.configs import demand, demand_words
from smalti.data.randomness import step_seed
from smalti.errors import DivergedError
from smalti.nn._allocator import keep_blocks
from smalti.nn._onednn import fp32_products
from smalti.nn.precision import Precision, in_precision
from smalti.objectives import Batch, Objective
from smalti.train.budget import Budget
from smalti.train.optim import set_lr
from smalti.train.schedule import ScheduleName, lr_factor
from smalti.train.signals import StopRequest
from smalti.train.state import TrainState

__all__ = ["Evaluator", "Listener", "LoopConfig", "Stopped", "fit"]

ROWS = 100  # training rows in metrics.jsonl over a whole run
MAX_SKIPPED = 5  # steps in a row that may be lost to non-finite numbers
SAVE_SECONDS = 60.0  # at most this much work is lost to a kill
SETTLE_SECONDS = 30.0  # between looks at what else the machine does
JUDGING = 0.25  # share of the clock that is left that a judgement before the last one may take


@dataclass(frozen=True)
class LoopConfig:
    """How a run moves through its data.

    Args:
        batch_size: pictures a step.
        accumulate: parts a batch is cut into, for memory; the step is the same, but for losses of tokens, where a
            sample counts alike however many tokens of it do, and for statistics over a batch (batch norm).
        warmup: share of the run over which the learning rate rises from 0.
        schedule: how it falls afterwards. A step has the rate of its middle, so neither the first nor the last is lost.
        ema_decay: keep a running mean of the weights with this decay; None for none.
        precision: of forward passes and gradients of activations; weights stay fp32.
        evaluations: how often over the run the validation pictures are looked at; by the clock less often where that
            takes long.
        patience: stop after so many evaluations without a better one; None for never.
    """

    batch_size: int = 128
    accumulate: int = 1
    warmup: float = 0.05
    schedule: ScheduleName = "cosine"
    ema_decay: float | None = None
    precision: Precision = "fp32"
    evaluations: int = 10
    patience: int | None = None

    def __post_init__(self) -> None:
        demand_words(self, "loop")
        for name in ("batch_size", "accumulate", "evaluations"):
            demand(getattr(self, name) >= 1, f"loop.{name}", getattr(self, name), "1 or more")
        demand(0 <= self.warmup < 1, "loop.warmup", self.warmup, "a share in [0, 1)")
        decay = self.ema_decay
        demand(decay is None or 0 <= decay < 1, "loop.ema_decay", decay, "in [0, 1), or none")
        demand(self.patience is None or self.patience >= 1, "loop.patience", self.patience, "1 or more, or none")


class Evaluator(Protocol):
    """Judges a model on validation data."""

    best: ClassVar[tuple[str, Literal["max", "min"]]]
    """The name of the number that selects the best model, and what is best of it."""

    def __call__(self, model: nn.Module) -> Iterator[tuple[str, float]]:
        """Yields (name, value) pairs; "NAME_error", where there is one, is the standard error of the figure `best`
        names."""
        ...


class Batches(Protocol):
    """Training batches whose order is a function of the epoch."""

    def __len__(self) -> int:
        """Steps an epoch."""
        ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on."""
        ...


class Listener(Protocol):
    """Is told what happens; keeps and shows it."""

    def on_step(self, state: TrainState, progress: float, values: dict[str, float]) -> None:
        """After each optimiser step."""
        ...

    def on_evaluation(self, state: TrainState, row: dict[str, float], *, keep: bool) -> None:
        """After each evaluation; the moment to keep a good model."""
        ...

    def save(self, state: TrainState) -> None:
        """The state should survive a kill from here on."""
        ...


class Stopped(Exception):  # noqa: N818 - a wish, not an error
    """Training stopped on request, after its state was saved."""


def fit(
    state: TrainState,
    batches: Batches,
    objective: Objective,
    evaluator: Evaluator,
    *,
    lr: float,
    config: LoopConfig,
    budget: Budget,
    listener: Listener,
    seed: int,
    grad_clip: float | None = 1.0,
    seconds: float = math.inf,
    names: Callable[[Batch], str] = lambda batch: f"samples {batch['id'].tolist()[:8]}",
    settle: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Trains `state` until its budget is spent.

    Args:
        state: where the run stands; moved in place.
        batches: training batches.
        objective: `(model, batch) -> loss, metrics`.
        evaluator: yields (name, value) pairs for a model.
        lr: peak learning rate.
        config: batch, schedule, precision, evaluations.
        budget: steps or epochs; with minutes, `seconds` says how much of the clock is left for training.
        listener: hears of steps and evaluations, and saves.
        seed: of order and noise.
        grad_clip: largest norm of the gradient.
        seconds: wall clock for training where the budget is in minutes.
        names: which pictures a batch holds, for the message about a step that failed.
        settle: suits the run to what the machine does just now; called between steps, twice a minute.
        clock: seconds from an arbitrary start.

    Raises:
        DivergedError: several steps in a row gave numbers that are not finite.
        Stopped: Ctrl-C or SIGTERM; the state is saved.
    """
    keep_blocks()
    total = budget.total_steps(len(batches))
    started = clock() - state.seconds
    saved = settled = clock()
    judging = 0.0  # seconds that the last judgement took

    def spent(steps: int) -> float:
        """Share of the budget that is used up now, after so many steps."""
        return steps / total if total is not None else (clock() - started) / max(seconds, 1e-9)

    def rate() -> float:
        """The learning rate of the step under way, whose gradient is there: now the clock knows how long it takes."""
        middle = (progress + min(spent(state.step + 1), 1.0)) / 2
        return lr * lr_factor(middle, warmup=config.warmup, schedule=config.schedule)

    def is_due() -> bool:
        """Whether the step just done is to be judged: those at the marks, but by the clock only the last one where a
        judgement takes too much of what is left."""
        cheap = total is not None or progress >= 1 or judging <= JUDGING * (seconds - state.seconds)
        return cheap and crosses(before, progress, config.evaluations)

    def patient() -> bool:
        """Whether there is still hope for a better model."""
        return config.patience is None or state.since_best < config.patience

    before = progress = spent(state.step)
    with StopRequest() as stop:
        while progress < 1 and patient():
            epoch, start = divmod(state.step, len(batches))
            for batch in batches.epoch(epoch, start=start):
                seed_noise(state.device, seed, state.step)
                batch = {name: tensor.to(state.device, non_blocking=True) for name, tensor in batch.items()}
                values, finite = train_step(state, batch, objective, config, grad_clip, rate)
                if not finite:
                    note_skipped(state, names(batch))

                state.step += 1
                state.seconds = clock() - started
                before, progress = progress, spent(state.step)
                listener.on_step(state, progress, values)
                if is_due():
                    judge(state, evaluator, epoch, listener)
                    judging, state.seconds = clock() - started - state.seconds, clock() - started
                    progress = spent(state.step)  # marks that passed meanwhile ask for no other judgement
                    listener.save(state)
                    saved = clock()
                elif crosses(before, progress, ROWS):
                    add_row(state, epoch, {})
                if stop or clock() - saved > SAVE_SECONDS:
                    listener.save(state)
                    saved = clock()
                if stop:
                    raise Stopped
                if progress >= 1 or not patient():
                    break
                if clock() - settled > SETTLE_SECONDS:
                    settle()
                    settled = clock()


def seed_noise(device: torch.device, seed: int, *keys: int | str) -> None:
    """Makes dropout and drop-path on `device` a function of (seed, *keys)."""
    number = step_seed(seed, *keys)
    if device.type == "cpu":  # `torch.manual_seed` formats a stack trace each time for a GPU that is not there: 0.5 ms
        torch.default_generator.manual_seed(number)
    else:
        torch.manual_seed(number)


@fp32_products()
def train_step(
    state: TrainState,
    batch: Batch,
    objective: Objective,
    config: LoopConfig,
    grad_clip: float | None,
    rate: Callable[[], float] | None = None,
) -> tuple[dict[str, float], bool]:
    """One optimiser step on `batch`, in `config.accumulate` parts, at the learning rate that `rate` says once the
    gradient is there; without one at that of the optimisers.

    Returns:
        The means of loss and metrics over the batch, and whether the loss and the gradient were finite; if not,
        nothing moved.
    """
    size = len(batch["target"])
    statistics = [buffer.clone() for buffer in state.model.buffers()]  # those of batch norm move in the forward pass
    model = in_precision(state.model.train(), config.precision)
    totals: dict[str, torch.Tensor] = {}
    for part in parts(batch, config.accumulate):
        share = len(part["target"]) / size
        loss, metrics = objective(model, part)
        (loss * share).backward()
        for name, value in {"loss": loss.detach(), **metrics}.items():
            totals[name] = totals.get(name, 0.0) + value * share
    gradients = [p.grad for p in state.model.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    *numbers, norm_value = torch.stack([*totals.values(), norm]).tolist()  # the one wait for the device in a step
    values = dict(zip(totals, numbers, strict=True))
    if rate is not None:
        set_lr(state.optimizers, rate())

    finite = math.isfinite(values["loss"]) and math.isfinite(norm_value)
    if finite:
        if grad_clip is not None:
            torch.nn.utils.clip_grads_with_norm_(state.model.parameters(), grad_clip, norm)
        for optimizer in state.optimizers:
            optimizer.step()
        if state.ema is not None:
            state.ema.update(state.model, state.step)
        state.meter.add(values, size)
        state.skipped = 0
    else:
        for buffer, before in zip(state.model.buffers(), statistics, strict=True):
            buffer.copy_(before)
    for optimizer in state.optimizers:
        optimizer.zero_grad(set_to_none=True)
    return values, finite


def parts(batch: Batch, count: int) -> Iterator[Batch]:
    """The batch in up to `count` pieces of nearly equal size."""
    if count == 1:
        yield batch
        return
    names = list(batch)
    for tensors in zip(*(batch[name].chunk(count) for name in names), strict=True):
        yield dict(zip(names, tensors, strict=True))


def note_skipped(state: TrainState, names: str) -> None:
    """Counts a step that was not applied; raises DivergedError after several in a row."""
    state.skipped += 1
    if state.skipped >= MAX_SKIPPED:
        raise DivergedError(
            f"training left the finite numbers at step {state.step}",
            where=names,
            why=f"{MAX_SKIPPED} steps in a row had a loss or gradient that is not finite; none was applied",
            mend="lower the learning rate (--set optim.lr=...), look at these pictures",
        )


def judge(state: TrainState, evaluator: Evaluator, epoch: int, listener: Listener) -> None:
    """Evaluates, writes the row, and tells the listener whether to keep this model.

    Kept is the last model that no earlier one beats by more than chance: the schedule ends low, so the later of two
    equals is the better guess, and the highest of many noisy figures is mostly a lucky one. A model that answers with
    no numbers is never kept, though some of its answers may count as right.
    """
    values = dict(evaluator(state.averaged))
    name, direction = evaluator.best
    value, slack = values[name], values.pop(f"{name}_error", 0.0)
    broken = math.isnan(values.get("loss", 0.0))
    value = -math.inf if broken or math.isnan(value) else value if direction == "max" else -value
    better = state.best is None or value > state.best
    if better:
        state.best = value
    state.since_best = 0 if better else state.since_best + 1
    row = add_row(state, epoch, {f"val_{key}": number for key, number in values.items()})
    listener.on_evaluation(state, row, keep=not broken and (better or value >= cast(float, state.best) - slack))


def add_row(state: TrainState, epoch: int, values: dict[str, float]) -> dict[str, float]:
    """A row of metrics.jsonl: the training means since the last one, and `values`."""
    lr = max(group["lr"] for optimizer in state.optimizers for group in optimizer.param_groups)
    row = {"step": state.step, "epoch": epoch, "lr": lr, **state.meter.means(), **values}
    state.rows.append(row)
    state.pace.append((state.step, state.seconds))
    state.meter.reset()
    return row


def crosses(before: float, after: float, count: int) -> bool:
    """Whether one of `count` equal marks, the last of them at 1, lies in (before, after]."""
    return math.floor(min(before, 1.0) * count + 1e-9) < math.floor(min(after, 1.0) * count + 1e-9)
