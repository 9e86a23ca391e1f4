"""One complete run, from data to a judged model: `train` starts one, `resume` goes on with one."""

import os
import platform
import resource
import shlex
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from smalti import data
from smalti._version import __version__
from smalti.configs import demand, fitted
from smalti.data.check import Check, check
from smalti.data.formats.tree import counted, few
from smalti.data.loader import Batches, Pictures
from smalti.data.mixing import mix
from smalti.data.source import Source
from smalti.data.split import Split, split
from smalti.errors import DamagedError, InputError, Interrupted, printable
from smalti.evaluate.evaluation import Evaluation, evaluate_on, thumbnail
from smalti.evaluate.evaluators import ClassifyEvaluator, MultilabelEvaluator, RegressEvaluator
from smalti.evaluate.metrics import Metric
from smalti.evaluate.report import DataSummary, Report, Timing, write_report
from smalti.files import write_durably
from smalti.modelfile import ModelFile, write_model
from smalti.objectives import Classify, Multilabel, Objective, Regress
from smalti.progress import TrainingBar, progress, progress_callback
from smalti.ready import Model
from smalti.recipes.choose import TUNED, Given, choose
from smalti.recipes.recipe import Choice, ModelConfig, Recipe, parse_settings, settle
from smalti.recipes.toml import dumps
from smalti.train.budget import Budget
from smalti.train.checkpoint import load_checkpoint
from smalti.train.device import describe_device, find_device
from smalti.train.ema import EMA
from smalti.train.folder import RunFolder
from smalti.train.log import RunLog
from smalti.train.loop import Stopped, fit
from smalti.train.lr_range import find_lr
from smalti.train.optim import build_optimizers
from smalti.train.state import TrainState

__all__ = ["TrainResult", "resume", "train"]

DEFAULT_BUDGET = Budget(minutes=10)
CLOSING_SECONDS = 8.0  # model file, report and the like, after the evaluation
LARGER = 1.25  # pictures are kept this much larger than the input where crops are cut out of them


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


@dataclass(frozen=True)
class Setting:
    """What stays fixed over a run: where the data is, and what the command said. The [run] table of run.toml."""

    data: str
    task: str
    fingerprint: str
    device: str
    workers: int | None
    bad_images: str
    leaks: str
    download: bool
    seconds: float | None
    report: bool
    command: str
    smalti: str = __version__


def train(
    data: str | os.PathLike[str],
    *,
    task: str | None = None,
    model: str | None = None,
    out: str | os.PathLike[str] | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    config: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int | None = None,
    bad_images: str = "stop",
    leaks: str = "stop",
    download: bool = False,
    workers: int | None = None,
    device: str | None = None,
    report: bool = True,
    show: bool = True,
) -> TrainResult:
    """Trains a model on `data`: the task, the model and the recipe are found from the data and the budget.

    Args:
        data: a folder, archive, file or name of pictures with labels.
        task: "classify", "multilabel" or "regress", where the data could mean more than one.
        model: a preset; else chosen.
        out: the run folder to make; else a free name below `runs`.
        minutes: budget as wall clock of the whole call, evaluation included.
        epochs: budget as passes over the training pictures.
        steps: budget as optimiser steps. Without any budget: 10 minutes.
        config: a TOML file of settings, such as run.toml of another run.
        overrides: single settings, {"optim.lr": 0.001}; strings are read as TOML. They go before `config`.
        seed: of weights, order, augmentation and noise; else that of `config`, else 0.
        bad_images: "skip" trains without pictures that cannot be read; "stop" refuses.
        leaks: "drop" trains without copies of test pictures; "stop" refuses.
        download: whether a standard set may be fetched.
        workers: threads or processes that read pictures.
        device: "cpu", "cuda", ...; else the best there is.
        report: whether to write report.html.
        show: whether to show progress on stderr.

    Raises:
        InputError: the data or a setting cannot be used.
        Interrupted: Ctrl-C or SIGTERM; `resume` goes on.
        DivergedError: the loss left the finite numbers.
    """
    began = time.monotonic()
    place = find_device(device)
    if workers is not None:
        demand(workers >= 0, "--workers", workers, "0 or more")
    settings = gather_settings(config, overrides, model=model, minutes=minutes, epochs=epochs, steps=steps, seed=seed)
    budget = Budget(**settings["budget"]) if settings.get("budget") else DEFAULT_BUDGET
    seed = int(settings.get("seed", 0))
    demand(0 <= seed < 2**63, "--seed", seed, "a whole number from 0 to 9223372036854775807")
    source, found, parts = open_data(
        data, task=task, seed=seed, bad_images=bad_images, leaks=leaks, download=download, show=show
    )

    elapsed = time.monotonic() - began
    seconds = None if budget.minutes is None else max(budget.minutes * 60 - elapsed - CLOSING_SECONDS, 1.0)
    chosen = choose(Given(source, found, parts, budget, seconds or 0.0, place, settings, seed))
    recipe = chosen.recipe.with_settings(settings)
    folder = RunFolder.create(out or RunFolder.next_free(short_name(source.name)))
    with folder.lock():
        choices = (Choice("split", split_sizes(parts), parts.reason), *left_out(found), *chosen.choices)
        if must_find_lr(recipe, settings):
            recipe, choice = find_rate(recipe, source, parts, place, workers)
            choices = (*choices, choice)
        tell(choices, show)
        if seconds is not None:
            testing = len(parts.test) * (1 + recipe.flip_views) / chosen.pace.evaluate
            seconds = max(budget.minutes * 60 - (time.monotonic() - began) - 1.2 * testing - CLOSING_SECONDS, 1.0)  # type: ignore[operator]
        setting = Setting(
            data=os.path.abspath(data) if os.path.exists(data) else os.fspath(data),
            task=source.task,
            fingerprint=source.storage.fingerprint(),
            device=str(place),
            workers=workers,
            bad_images=bad_images,
            leaks=leaks,
            download=download,
            seconds=seconds,
            report=report,
            command=shlex.join(["smalti", *sys.argv[1:]])
            if Path(sys.argv[0]).name == "smalti"
            else "smalti.train(...)",
        )
        write_durably(
            folder.settings,
            dumps({"run": asdict(setting), **recipe.to_dict(), "choices": [asdict(c) for c in choices]}),
        )
        return run(Run(folder, setting, recipe, choices, source, found, parts, place, began, show))


def resume(run_folder: str | os.PathLike[str], *, show: bool = True) -> TrainResult:
    """Goes on with an interrupted run as it was set up; a finished one is judged again.

    Args:
        run_folder: what `train` made.
        show: whether to show progress on stderr.

    Raises:
        InputError: there is no run, its data has changed, or another process is at it.
        DamagedError: run.toml or the checkpoint cannot be read.
    """
    began = time.monotonic()
    folder = RunFolder.open(run_folder)
    with folder.lock():
        setting, recipe, choices = read_settings(folder)
        place = find_device(setting.device)
        source, found, parts = open_data(
            setting.data,
            task=setting.task,
            seed=recipe.seed,
            bad_images=setting.bad_images,
            leaks=setting.leaks,
            download=setting.download,
            show=show,
        )
        if source.storage.fingerprint() != setting.fingerprint:
            raise InputError(
                "the data has changed since the run began", where=setting.data, mend="start a new run with smalti train"
            )
        return run(Run(folder, setting, recipe, choices, source, found, parts, place, began, show))


@dataclass(frozen=True)
class Run:
    """All that a run is made of."""

    folder: RunFolder
    setting: Setting
    recipe: Recipe
    choices: tuple[Choice, ...]
    source: Source
    check: Check
    split: Split
    device: torch.device
    began: float
    show: bool


def run(run: Run) -> TrainResult:
    """Trains, keeps the best model, judges it once on the test pictures, writes the report."""
    recipe = run.recipe
    learned, scale = standardise(run.source, run.split)
    pictures = make_pictures(recipe, learned, run.setting.workers, show=run.show)
    torch.manual_seed(recipe.seed)
    model = recipe.model.build(recipe.preprocess, len(run.source.labels)).to(run.device)
    state = TrainState(
        model,
        build_optimizers(model, recipe.optim),
        EMA(model, recipe.loop.ema_decay) if recipe.loop.ema_decay is not None else None,
    )
    if run.folder.last.exists():
        restore(state.load_state_dict, run.folder.last)
    preparing = time.monotonic()
    pictures.load(np.concatenate([run.split.train, run.split.val]))
    run_training(run, state, pictures)
    trained = time.monotonic()

    best_step = state.step
    if run.folder.best.exists():
        best_step = restore(lambda best: model.load_state_dict(best["model"]), run.folder.best)["step"]
    else:
        model.load_state_dict(state.averaged.state_dict())
    model = fold_scale(model.eval(), scale)
    ready = Model(model, run.source.task, run.source.labels, recipe.preprocess, flip_views=recipe.flip_views)
    test = Pictures(run.source, recipe.preprocess, workers=run.setting.workers)
    evaluation = evaluate_on(ready, run.source, run.split.test, pictures=test) if len(run.split.test) else None
    metrics = evaluation.metrics if evaluation else {}
    family, _ = recipe.model.resolve(recipe.preprocess, len(run.source.labels))
    provenance = {
        "smalti": __version__,
        "torch": torch.__version__,
        "data": run.source.name,
        "fingerprint": run.setting.fingerprint,
        "preset": recipe.model.preset,
        "budget": str(recipe.budget),
        "seed": recipe.seed,
        "step": best_step,
        "command": run.setting.command,
        "metrics": {name: metric.to_dict() for name, metric in metrics.items()},
    }
    task, labels = run.source.task, run.source.labels
    file = ModelFile(family, model.cpu(), task, labels, recipe.preprocess, recipe.flip_views, provenance)
    write_model(run.folder.model, file)
    seconds = time.monotonic() - run.began
    speed = state.step * recipe.loop.batch_size / state.seconds if state.seconds else 0.0
    timing = Timing(
        data=preparing - run.began,
        train=state.seconds,
        evaluate=time.monotonic() - trained,
        images_per_second=speed,
        hardware=describe_device(run.device),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    run.folder.write_result(
        {
            "run": str(run.folder.path),
            "model": str(run.folder.model),
            "task": run.source.task,
            "n": evaluation.n if evaluation else 0,
            "skipped": run.check.n - int(run.check.splits.sum()),
            "metrics": provenance["metrics"],
            "seconds": seconds,
            "timing": asdict(timing),
            "steps": state.step,
            "best_step": provenance["step"],
            "parameters": sum(p.numel() for p in model.parameters()),
        }
    )
    if run.setting.report:
        write_report(run.folder.report, make_report(run, state, model, evaluation, timing))
    return TrainResult(run.folder.path, run.folder.model, run.source.task, metrics, seconds)


def run_training(run: Run, state: TrainState, pictures: Pictures) -> None:
    """The loop, with what this run trains on. Raises Interrupted, with the resume command, when told to stop."""
    recipe, classes = run.recipe, len(run.source.labels)
    batches = Batches(
        pictures,
        run.split.train,
        batch_size=recipe.loop.batch_size,
        seed=recipe.seed,
        augment=recipe.augment,
        shuffle=True,
        drop_last=True,
        device=run.device,
    )
    if recipe.mix.mixup or recipe.mix.cutmix:
        steps = len(batches)
        batches.batch_transform = lambda batch, epoch, step: mix(
            batch, recipe.mix, num_classes=classes, seed=recipe.seed, step=epoch * steps + step
        )
    chosen_by = run.split.val if len(run.split.val) else run.split.train
    evaluator = EVALUATORS[run.source.task](
        Batches(pictures, chosen_by, batch_size=256, device=run.device),
        precision=torch.bfloat16 if recipe.loop.precision == "bf16" else torch.float32,
    )
    total = recipe.budget.total_steps(len(batches))
    try:
        with TrainingBar(total, start=state.step, show=run.show) as bar:
            log = RunLog(run.folder, bar, batch_size=recipe.loop.batch_size, seconds=run.setting.seconds)
            fit(
                state,
                batches,
                make_objective(recipe, run.source, run.split),
                evaluator,
                lr=recipe.optim.lr,
                config=recipe.loop,
                budget=recipe.budget,
                listener=log,
                seed=recipe.seed,
                grad_clip=recipe.optim.grad_clip,
                seconds=run.setting.seconds or float("inf"),
                names=lambda batch: ", ".join(str(run.source.names[i]) for i in batch["id"].tolist()[:4]),
            )
    except Stopped:
        raise Interrupted(
            f"stopped at step {state.step}; everything is saved",
            where=run.folder.path,
            mend=f"smalti train --resume {shlex.quote(str(run.folder.path))}",
        ) from None


# --- the parts of a run -----------------------------------------------------------------------------------------------


def open_data(
    data_path: str | os.PathLike[str],
    *,
    task: str | None,
    seed: int,
    bad_images: str,
    leaks: str,
    download: bool,
    show: bool,
) -> tuple[Source, Check, Split]:
    """Opens, checks and splits; raises InputError where training would make the result a lie."""
    source = data.open(data_path, download=download, task=task)  # type: ignore[arg-type]
    found = checked(source, show=show)
    found.demand(bad_images=bad_images, leaks=leaks)  # type: ignore[arg-type]
    return source, found, split(source, found.facts, seed=seed)


def checked(source: Source, *, show: bool) -> Check:
    """The check of a source, with a line of progress."""
    with progress_callback("checking pictures", show=show) as report:
        return check(source, progress=report)


def gather_settings(
    config: str | os.PathLike[str] | None, overrides: Mapping[str, Any] | None, **named: Any
) -> dict[str, Any]:
    """What the person settled, nested: a file, then single settings, then named options."""
    settings: dict[str, Any] = {}
    if config is not None:
        settings = settle({k: v for k, v in read_toml(Path(config)).items() if k not in ("run", "choices")}, config)
    text = {key: value for key, value in (overrides or {}).items() if isinstance(value, str)}
    rest = {key: value for key, value in (overrides or {}).items() if not isinstance(value, str)}
    for key, value in settle({**parse_settings(text), **rest}, "--set").items():
        old = settings.get(key, {})
        if key == "model":
            value = {**value, "options": {**old.get("options", {}), **value.get("options", {})}}
        settings[key] = {**old, **value} if isinstance(value, dict) and key != "budget" else value
    budget = {key: named[key] for key in ("minutes", "epochs", "steps") if named[key] is not None}
    if budget:
        settings["budget"] = budget
    if named["model"] is not None:
        settings["model"] = {**settings.get("model", {}), "preset": named["model"]}
        ModelConfig(**settings["model"])  # raises where there is no such preset, or it has no such options
    if named["seed"] is not None:
        settings["seed"] = named["seed"]
    return settings


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file. Raises InputError naming the line that is wrong."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=path, why=str(error), mend="name a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            "is not valid TOML", where=path, why=str(error), mend="compare it with run.toml of a run"
        ) from error


def read_settings(folder: RunFolder) -> tuple[Setting, Recipe, tuple[Choice, ...]]:
    """run.toml of a run. Raises DamagedError where it is not what `train` wrote."""
    try:
        tree = read_toml(folder.settings)
        about = tree.pop("run")
        choices = tuple(Choice(**choice) for choice in tree.pop("choices", ()))
        if missing := {f.name for f in fields(Recipe)} - set(tree):
            raise InputError(f"there is no {', '.join(sorted(missing))}")
        return Setting(**fitted(Setting, about, "run")), Recipe.from_dict(tree), choices
    except (InputError, KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DamagedError("does not describe a run", where=folder.settings, why=why, mend="start a new run") from error


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


def standardise(source: Source, parts: Split) -> tuple[Source, tuple[np.ndarray, np.ndarray] | None]:
    """For regression: the source with targets of mean 0 and deviation 1 over train; that mean and deviation (T,)."""
    if source.task != "regress":
        return source, None
    train = source.targets[parts.train].astype(np.float64)
    mean, deviation = train.mean(0), np.maximum(train.std(0), 1e-12)
    return replace(source, targets=((source.targets - mean) / deviation).astype(np.float32)), (mean, deviation)


def fold_scale(model: nn.Module, scale: tuple[np.ndarray, np.ndarray] | None) -> nn.Module:
    """Puts mean and deviation of the targets into the last layer: the model then answers in the units of the data."""
    if scale is None:
        return model
    head: Any = model.head
    mean, deviation = (torch.tensor(value, dtype=torch.float32, device=head.weight.device) for value in scale)
    with torch.no_grad():
        head.weight.mul_(deviation[:, None])
        head.bias.mul_(deviation).add_(mean)
    return model


def make_pictures(recipe: Recipe, source: Source, workers: int | None, *, show: bool) -> Pictures:
    """The pictures of a run, larger than the input where crops are cut out of them."""
    return Pictures(
        source,
        recipe.preprocess,
        margin=LARGER if recipe.augment.crop == "resized" else 1.0,
        workers=workers,
        progress=partial(progress, description="reading pictures", show=show),
    )


def make_objective(recipe: Recipe, source: Source, parts: Split) -> Objective:
    """The loss of the task."""
    if source.task == "regress":
        return Regress()
    weights = class_weights(source, parts) if recipe.target.class_weights == "auto" else None
    if source.task == "multilabel":
        return Multilabel(smoothing=recipe.target.smoothing, positive_weights=weights)
    return Classify(smoothing=recipe.target.smoothing, class_weights=weights)


def class_weights(source: Source, parts: Split) -> list[float]:
    """A factor a class: the root of its rarity, 1 on average over the training pictures (multi-label: of negatives to
    positives).
    """
    targets = source.targets[parts.train]
    if source.task == "multilabel":
        positives = np.maximum(targets.sum(0), 1.0)
        return np.sqrt(np.maximum((len(targets) - positives) / positives, 1.0)).tolist()
    counts = np.maximum(np.bincount(targets.astype(np.int64), minlength=len(source.labels)), 1)
    weights = np.sqrt(counts.sum() / counts)
    return (weights * counts.sum() / (weights * counts).sum()).tolist()


EVALUATORS = {"classify": ClassifyEvaluator, "multilabel": MultilabelEvaluator, "regress": RegressEvaluator}


def must_find_lr(recipe: Recipe, settings: Mapping[str, Any]) -> bool:
    """Whether the rule's rate was measured for other models or another optimiser, and the person named none."""
    measured = recipe.optim.name == "muon" and recipe.model.preset.startswith(TUNED)
    return not measured and "lr" not in settings.get("optim", {})


def find_rate(
    recipe: Recipe, source: Source, parts: Split, device: torch.device, workers: int | None
) -> tuple[Recipe, Choice]:
    """The recipe with the learning rate of a range test."""
    learned, _ = standardise(source, parts)
    torch.manual_seed(recipe.seed)
    model = recipe.model.build(recipe.preprocess, len(source.labels)).to(device)
    pictures = make_pictures(recipe, learned, workers, show=False)
    batches = Batches(
        pictures,
        parts.train,
        batch_size=recipe.loop.batch_size,
        seed=recipe.seed,
        augment=recipe.augment,
        shuffle=True,
        drop_last=True,
        device=device,
    )
    stream = (batch for epoch in range(60) for batch in batches.epoch(epoch))
    lr = find_lr(model, make_objective(recipe, source, parts), stream, recipe.optim, recipe.loop, seed=recipe.seed)
    choice = Choice(
        "learning rate",
        f"{lr:g}",
        "found by a range test of 60 steps, since none was measured for this model and optimiser",
    )
    return replace(recipe, optim=replace(recipe.optim, lr=lr)), choice


def make_report(run: Run, state: TrainState, model: nn.Module, evaluation: Evaluation | None, timing: Timing) -> Report:
    """Everything the page shows."""
    source, found = run.source, run.check
    pace = dict(state.pace)
    curves = [{**row, "seconds": pace.get(int(row["step"]))} for row in state.rows]
    sizes = found.sizes.tolist()
    regress = source.task == "regress"
    totals = found.counts.sum(0).tolist()
    return Report(
        title=source.name,
        task=source.task,
        metrics=evaluation.metrics if evaluation else {},
        split="test" if evaluation else "",
        model=run.recipe.model.preset,
        parameters=sum(p.numel() for p in model.parameters()),
        labels=source.labels,
        confusion=evaluation.confusion if evaluation else None,
        per_class=evaluation.table if evaluation else (),
        mistakes=evaluation.mistakes if evaluation else (),
        scatter=(evaluation.outputs.targets, evaluation.outputs.logits) if evaluation and regress else None,  # type: ignore[arg-type]
        data=DataSummary(
            source.name,
            {"train": len(run.split.train), "val": len(run.split.val), "test": len(run.split.test)},
            () if regress else tuple(zip(source.labels, totals, strict=True)),
            tuple(sizes[0]),
            tuple(sizes[2]),
            found.channels,
            [f"{p.file}: {p.cause}" if p.file else p.cause for p in found.problems if p.kind != "note"][:50],
            run.split.reason,
        ),
        samples=sample_sheet(run),
        choices=[(c.name, c.value, c.reason) for c in run.choices],
        curves=curves,
        timing=timing,
        run=str(run.folder.path),
        versions={
            "smalti": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "Python": platform.python_version(),
        },
        command=run.setting.command,
    )


def sample_sheet(run: Run, a_class: int = 8) -> list[tuple[str, list[np.ndarray]]]:
    """The first training pictures of each class."""
    source, train = run.source, run.split.train
    if source.task == "regress":
        return [("training pictures", [thumbnail(source, int(i), run.recipe.preprocess) for i in train[:24]])]
    sheet = []
    for number, label in enumerate(source.labels[:24]):
        targets = np.asarray(source.targets[train], np.int64)
        has = targets == number if source.task == "classify" else targets[:, number] == 1
        sheet.append((label, [thumbnail(source, int(i), run.recipe.preprocess) for i in train[has][:a_class]]))
    return sheet


def tell(choices: tuple[Choice, ...], show: bool) -> None:
    """The choices with their reasons, on stderr."""
    if show:
        wide = max((len(choice.name) for choice in choices), default=0)
        for choice in choices:
            sys.stderr.write(f"{choice.name:>{wide}}: {choice.value}  ({choice.reason})\n")
        sys.stderr.flush()


def left_out(found: Check) -> tuple[Choice, ...]:
    """What is said of pictures that cannot be read; nothing where all can be."""
    n = found.n - int(found.splits.sum())
    bad = [problem.file for problem in found.problems if problem.kind == "unreadable"]
    return (Choice("left out", counted(n, "picture"), f"cannot be read: {few(bad)}"),) if n else ()


def split_sizes(parts: Split) -> str:
    """ "800 train, 100 val, 100 test" """
    return f"{len(parts.train):,} train, {len(parts.val):,} val, {len(parts.test):,} test"


def short_name(name: str) -> str:
    """A data set's name as the start of a folder's: letters, digits and dashes."""
    stem = Path(name.rstrip("/")).name.split(".")[0]
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in stem).strip("-")[:40] or "run"
