"""What every kind of run has in common: the loop inside a run folder, and how its time is shared out."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smalti.errors import DamagedError, Interrupted, printable
from smalti.evaluate.metrics import Metric
from smalti.objectives import Batch, Objective
from smalti.progress import TrainingBar
from smalti.train.budget import Budget
from smalti.train.checkpoint import load_checkpoint
from smalti.train.folder import RunFolder
from smalti.train.log import RunLog
from smalti.train.loop import Batches, Evaluator, LoopConfig, Stopped, fit
from smalti.train.optim import OptimConfig
from smalti.train.state import TrainState

__all__ = ["CLOSING_SECONDS", "TrainResult", "restore", "run_loop", "training_seconds"]

CLOSING_SECONDS = 8.0  # model file, report and the like, after the evaluation


@dataclass(frozen=True)
class TrainResult:
    """What a finished run gives.

    Args:
        run: the run folder.
        model: the model file in it.
        task: what it was trained for.
        metrics: figures on the test pictures, with intervals.
        seconds: wall clock of the whole command.
    """

    run: Path
    model: Path
    task: str
    metrics: dict[str, Metric]
    seconds: float


def training_seconds(left: float, testing: float) -> float:
    """How much of the wall clock that is left may be spent on training, before test pictures are judged.

    `testing` was measured in a moment; had the machine been busy just then, it may be far too much. So training gets
    half of the time at least.
    """
    left -= CLOSING_SECONDS
    return max(left - 1.2 * testing, left / 2, 1.0)


def run_loop(
    state: TrainState,
    batches: Batches,
    objective: Objective,
    evaluator: Evaluator,
    *,
    optim: OptimConfig,
    loop: LoopConfig,
    budget: Budget,
    seed: int,
    folder: RunFolder,
    seconds: float | None,
    names: Callable[[Batch], str],
    show: bool,
) -> None:
    """The loop, with its files in `folder` and a moving line on stderr; arguments as those of `smalti.train.loop.fit`.

    Raises:
        Interrupted: it was told to stop; the mend is the resume command.
    """
    total = budget.total_steps(len(batches))
    try:
        with TrainingBar(total, start=state.step, show=show) as bar:
            fit(
                state,
                batches,
                objective,
                evaluator,
                lr=optim.lr,
                config=loop,
                budget=budget,
                listener=RunLog(folder, bar, batch_size=loop.batch_size, seconds=seconds),
                seed=seed,
                grad_clip=optim.grad_clip,
                seconds=seconds or float("inf"),
                names=names,
            )
    except Stopped:
        raise Interrupted(
            f"stopped at step {state.step}; everything is saved",
            where=folder.path,
            mend=f"smalti train --resume {shlex.quote(str(folder.path))}",
        ) from None


def restore(load: Callable[[dict[str, Any]], object], path: Path) -> dict[str, Any]:
    """Gives a checkpoint to `load`, and returns it. Raises DamagedError where it is damaged or of another model."""
    checkpoint = load_checkpoint(path)
    try:
        load(checkpoint)
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DamagedError(
            "does not fit the model and optimiser of run.toml",
            where=path,
            why=printable(" ".join(str(error).split())),
            mend="restore the files of the run, or start a new one",
        ) from error
    return checkpoint
