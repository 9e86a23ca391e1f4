"""What every kind of run has in common: the loop inside a run folder, and what is told of its outcome."""

import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from smalti._version import __version__
from smalti.errors import DamagedError, DivergedError, InputError, Interrupted, printable
from smalti.evaluate.metrics import Metric
from smalti.evaluate.report import Timing
from smalti.nn.threads import Threads, free_threads
from smalti.objectives import Batch, Objective
from smalti.progress import TrainingBar
from smalti.recipes.recipe import Choice, Composed
from smalti.recipes.settings import RunConfig
from smalti.train.budget import Budget
from smalti.train.checkpoint import load_checkpoint
from smalti.train.ema import EMA
from smalti.train.folder import RunFolder
from smalti.train.log import RunLog
from smalti.train.loop import Batches, Evaluator, LoopConfig, Stopped, fit
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.signals import ending_at_once
from smalti.train.state import TrainState

__all__ = [
    "TrainResult",
    "demand_same_data",
    "fewer_threads",
    "keep_best",
    "kept_threads",
    "made_with",
    "new_state",
    "peak_memory",
    "provenance",
    "restore",
    "result",
    "resumable",
    "run_loop",
]


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


def kept_threads(named: int | None, budget: Budget, device: torch.device) -> int | None:
    """How many threads compute from the beginning of a run to its end, since its bits depend on it; None where they may
    change, as what a run by the clock becomes depends on the machine anyway."""
    if named is not None or device.type != "cpu":
        return named or torch.get_num_threads()
    return None if budget.minutes is not None else free_threads(torch.get_num_threads())


def fewer_threads(threads: Threads) -> tuple[Choice, ...]:
    """What is said where fewer threads compute than could."""
    number = torch.get_num_threads()
    why = f"faster than {threads.most} beside what else this machine does"
    return (Choice("threads", str(number), why),) if number < threads.most else ()


def demand_same_data(config: RunConfig, fingerprint: str) -> None:
    """Passes where the data of a run, which now has this fingerprint, is what it was; else raises InputError."""
    if fingerprint != config.fingerprint:
        raise InputError(
            "the data has changed since the run began", where=config.data, mend="start a new run with smalti train"
        )


@contextmanager
def resumable(folder: RunFolder) -> Iterator[None]:
    """The work of a run that `resume` can go on with, wherever Ctrl-C or SIGTERM ends it.

    Raises:
        Interrupted: it was told to stop, outside the steps of the loop; the mend is the resume command.
    """
    with ending_at_once():
        try:
            yield
        except KeyboardInterrupt:
            mend = folder.resume_command
            raise Interrupted("stopped; what was saved is safe", where=folder.path, mend=mend) from None


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
    settle: Callable[[], object] = lambda: None,
    unit: str = "images",
) -> DivergedError | None:
    """The loop, with its files in `folder` and a moving line on stderr; arguments as those of `smalti.train.loop.fit`.

    Returns:
        The error of a run that diverged after it had kept a model: to be raised once that is written.

    Raises:
        DivergedError: it diverged before.
        Interrupted: it was told to stop; the mend is the resume command.
    """
    total = budget.total_steps(len(batches))
    try:
        with TrainingBar(total, start=state.step, show=show, unit=unit) as bar:
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
                settle=settle,
            )
    except DivergedError as error:
        if not folder.best.exists():
            raise
        error.mend += f"; {folder.model} is the best model so far"
        return error
    except Stopped:
        raise Interrupted(
            f"stopped at step {state.step}; everything is saved",
            where=folder.path,
            mend=folder.resume_command,
        ) from None


def new_state(model: nn.Module, optim: OptimConfig, loop: LoopConfig, folder: RunFolder) -> TrainState:
    """Where training of `model` begins, or goes on where the folder holds a checkpoint."""
    ema = EMA(model, loop.ema_decay) if loop.ema_decay is not None else None
    state = TrainState(model, build_optimizers(model, optim), ema)
    if folder.last.exists():
        restore(state.load_state_dict, folder.last)
    return state


def keep_best(state: TrainState, folder: RunFolder) -> int:
    """Gives the model the weights that validation chose; the step they are of."""
    if folder.best.exists():
        return restore(lambda best: state.model.load_state_dict(best["model"]), folder.best)["step"]
    state.model.load_state_dict(state.averaged.state_dict())
    return state.step


def provenance(
    config: RunConfig,
    recipe: Composed,
    data: str,
    step: int,
    model: nn.Module,
    metrics: dict[str, Metric],
    **more: Any,
) -> dict[str, Any]:
    """What made a model, for its file; of `more` what is there."""
    about: Any = recipe
    return {
        "smalti": __version__,
        "torch": torch.__version__,
        "data": data,
        "fingerprint": config.fingerprint,
        "preset": about.model.preset,
        "budget": str(about.budget),
        "seed": about.seed,
        "step": step,
        "command": config.command,
        "parameters": sum(p.numel() for p in model.parameters()),
        "metrics": {name: metric.to_dict() for name, metric in metrics.items()},
        **{name: value for name, value in {"columns": config.columns, **more}.items() if value},
    }


def result(
    made: TrainResult, about: dict[str, Any], state: TrainState, timing: Timing, *, n: int, skipped: int
) -> dict[str, Any]:
    """What result.json says of a finished run, whose model has the provenance `about`, was judged on `n` samples, and
    for which `skipped` could not be read."""
    return {
        "run": str(made.run),
        "model": str(made.model),
        "task": made.task,
        "n": n,
        "skipped": skipped,
        "metrics": about["metrics"],
        "seconds": made.seconds,
        "timing": asdict(timing),
        "steps": state.step,
        "best_step": about["step"],
        "parameters": about["parameters"],
    }


def peak_memory() -> int | None:
    """Bytes that this process has had in memory at most; None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def made_with() -> dict[str, str]:
    """Versions, for a report."""
    return {
        "smalti": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "Python": platform.python_version(),
    }


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
