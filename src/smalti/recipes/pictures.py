"""One complete run on pictures, from files to a judged model. That on text is in `smalti.recipes.text.run`."""

import copy
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from smalti.configs import demand
from smalti.data.batches import step_size
from smalti.data.cores import cores
from smalti.data.pictures import Pictures
from smalti.data.split import Split, split
from smalti.errors import DivergedError, InputError
from smalti.evaluate.evaluation import Evaluation, evaluate_on
from smalti.evaluate.metrics import Metric
from smalti.evaluate.page import write_report
from smalti.evaluate.report import Timing
from smalti.modelfile import ModelFile, read_model, write_model
from smalti.models.registry import example_images
from smalti.nn.device import describe_device, find_device
from smalti.nn.inference import for_inference
from smalti.nn.lora import merge_lora
from smalti.nn.threads import Threads
from smalti.ready import Model
from smalti.recipes.asked import Asked
from smalti.recipes.assemble import (
    Run,
    find_rate,
    fold_scale,
    make_batches,
    make_evaluator,
    make_model,
    make_objective,
    make_pictures,
    must_find_lr,
    open_data,
    range_steps,
    read_pictures,
    standardise,
)
from smalti.recipes.choose import choose
from smalti.recipes.choose_model import first_preprocess
from smalti.recipes.clock import Clock, start_clock
from smalti.recipes.given import Given
from smalti.recipes.head import fit_head
from smalti.recipes.pace import Pace, reading_seconds
from smalti.recipes.page import make_report
from smalti.recipes.reading import within_the_clock
from smalti.recipes.recipe import Choice, Recipe, merged
from smalti.recipes.remarks import about_data, short_name, split_sizes, tell
from smalti.recipes.settings import RunConfig, read_settings, write_settings
from smalti.recipes.taught import taught
from smalti.recipes.teacher import AUTO
from smalti.recipes.training import (
    TrainResult,
    demand_same_data,
    keep_best,
    new_state,
    peak_memory,
    provenance,
    result,
    resumable,
    run_loop,
)
from smalti.recipes.transfer import demand_unseen, read_start
from smalti.train.budget import Budget
from smalti.train.folder import RunFolder
from smalti.train.state import TrainState

__all__ = ["prepare_pictures", "resume_pictures"]


def prepare_pictures(
    data: str | os.PathLike[str],
    *,
    task: str | None,
    out: str | os.PathLike[str] | None,
    budget: Budget,
    asked: Asked,
    config: RunConfig,
    device: torch.device,
    threads: Threads,
    noted: tuple[Choice, ...],
    began: float,
    show: bool,
) -> Callable[[], TrainResult]:
    """Chooses how a model is trained on pictures, and returns what trains it. What only the choice needs (the models it
    begins with and learns from) is let go of then. Arguments as those of `smalti.recipes.run.train`, which comes here
    with pictures.

    Args:
        asked: the settings.
        config: what run.toml says of the command; what follows from the data is filled in here.
        threads: those that compute.
        noted: what was chosen before the data was looked at.
        began: when the command began, of `time.monotonic`.
    """
    settings = asked.settings
    start, teacher = settings.get("transfer", {}).get("start"), settings.get("teacher", {}).get("model")
    begun = read_start(start) if start else None
    taught_by = read_model(teacher) if teacher and teacher != AUTO else None
    asked = asked.with_seed_of(begun, taught_by)
    seed, share = int(asked.settings.get("seed", 0)), settings.get("fraction", 1.0)
    demand(0 < share <= 1, "--fraction", share, "above 0, at most 1")
    refuse_mps(device)
    source, found, parts = open_data(
        data,
        task=task,
        seed=seed,
        fraction=share,
        bad_images=config.bad_images,
        leaks=config.leaks,
        download=config.download,
        columns=config.columns,
        show=show,
    )
    for known in filter(None, (begun, taught_by)):
        demand_unseen(known, source.name, source.fingerprint, parts, partial(split, source, found.facts))
    asked = asked.without_facts(source.fingerprint).for_task(source.task)
    checksum = taught_by.checksum if taught_by else ""
    config = replace(config, task=source.task, fingerprint=source.fingerprint, teacher=checksum)

    given = Given(source, found, parts, budget, 0.0, device, asked.settings, seed, begun)
    clock, reading, timed = None, 0.0, ()
    if budget.minutes is not None:
        clock, late = start_clock(budget.minutes, began, "the data check, which the next run on this data is spared,")
        workers = cores() if config.workers is None else config.workers
        reading = reading_seconds(source, parts.train, first_preprocess(given), workers)
        given, slow = within_the_clock(given, clock, reading)
        parts, timed = given.split, (*late, *slow)
    chosen = choose(given)
    asked = asked.heeded(chosen.recipe, source.task)
    recipe = chosen.recipe.with_settings(merged(asked.settings, {"fraction": given.fraction}))
    about = Choice("split", split_sizes(parts), parts.reason), *about_data(found), *asked.noted
    choices = (*about, *noted, *timed, *chosen.choices)
    learned, scale = standardise(source, parts)
    pictures = make_pictures(recipe, learned, config.workers, show=show)
    tell(choices, show)
    if must_find_lr(recipe, asked.settings):
        steps = range_steps(recipe, parts, chosen.pace, given.seconds)
        recipe, choice = find_rate(recipe, source, parts, pictures, device, steps, show=show)
        tell((choice,), show)
        choices = (*choices, choice)
    config = replace(config, fraction=recipe.fraction if recipe.fraction < share else None)
    folder = RunFolder(out or RunFolder.next_free(short_name(source.name)))
    run = Run(folder, config, recipe, choices, source, found, parts, pictures, scale, device, threads, began, show)
    return partial(train_pictures, run, clock, judging_seconds(recipe, parts, reading, chosen.pace), share)


def train_pictures(run: Run, clock: Clock | None, judging: float, wished: float) -> TrainResult:
    """Begins a run that was prepared, and carries it out.

    Args:
        clock: of a run by minutes.
        judging: seconds that it will take when training is over.
        wished: share of the training pictures that was asked for, which of another run is wished too.
    """
    folder = RunFolder.create(run.folder.path)
    write = partial(written, clock=clock, judging=judging, wished=wished)
    with folder.lock():
        run = write(run)
        with resumable(folder):
            if clock and not is_fitted(run.recipe):
                read_pictures(run.pictures, run.split)
                run = write(run)  # without the time that reading took
            return carry_out(run)


def written(run: Run, *, clock: Clock | None, judging: float, wished: float) -> Run:
    """The same with what is left of the clock to train, which is written down: the run has as much when it goes on.
    Arguments as those of `train_pictures`."""
    run = replace(run, config=replace(run.config, seconds=clock.training(judging) if clock else None))
    write_settings(run.folder, run.config, replace(run.recipe, fraction=wished), run.choices)
    return run


def is_fitted(recipe: Recipe) -> bool:
    """Whether a last layer alone is fitted: at once, not in steps, and to no more pictures than it reads itself."""
    return recipe.transfer.tune == "head"


def judging_seconds(recipe: Recipe, parts: Split, reading: float, pace: Pace) -> float:
    """How long it will take to judge when training is over: the test pictures, of which each is read first, in
    `reading` seconds, and once more those that choose."""
    testing = len(parts.test) * (reading + len(recipe.views) / pace.evaluate)
    return testing + len(parts.choosing) / pace.evaluate


def refuse_mps(device: torch.device) -> None:
    """Raises InputError for a device that pictures cannot be varied on."""
    if device.type == "mps":
        what = "no training on pictures with mps, which lacks the float64 of augmentation"
        raise InputError(what, where="--device", mend="use --device cpu")


def resume_pictures(
    folder: RunFolder,
    data: str | os.PathLike[str] | None,
    *,
    device: str | None,
    show: bool,
    began: float,
) -> TrainResult:
    """Goes on with a run on pictures; the folder is locked. As `smalti.recipes.run.resume`."""
    config, recipe, choices = read_settings(folder)
    config = config.moved(data, device)
    place = find_device(config.device)
    refuse_mps(place)
    fraction = config.fraction or recipe.fraction
    source, found, parts = open_data(
        config.data,
        task=config.task,
        seed=recipe.seed,
        fraction=fraction,
        bad_images=config.bad_images,
        leaks=config.leaks,
        download=config.download,
        columns=config.columns,
        show=show,
    )
    demand_same_data(config, source.fingerprint)
    if data is not None or device is not None:
        write_settings(folder, config, recipe, choices)
    recipe = replace(recipe, fraction=fraction)
    learned, scale = standardise(source, parts)
    pictures = make_pictures(recipe, learned, config.workers, show=show)
    with Threads(config.threads) as threads:
        return carry_out(
            Run(folder, config, recipe, choices, source, found, parts, pictures, scale, place, threads, began, show)
        )


def carry_out(run: Run) -> TrainResult:
    """Trains, keeps the best model, judges it once on the test pictures, writes the report."""
    budget = run.recipe.budget  # of the whole run, its teacher's share included
    finished = run.folder.last.exists() and run.folder.result.exists()  # written last: the run is only judged again
    fitted = is_fitted(run.recipe)
    if not (finished or fitted):
        read_pictures(run.pictures, run.split)
    entered = time.monotonic()
    if run.recipe.teacher.model == AUTO and (run.folder.teacher.last.exists() or not run.folder.result.exists()):
        run = taught(run, carry_out)  # a finished run needs none: its teacher may be gone
    teaching = time.monotonic() - entered
    recipe, source, folder = run.recipe, run.source, run.folder
    model = make_model(recipe, source, resumed=folder.last.exists()).to(run.device)
    state = new_state(model, recipe.optim, recipe.loop, folder)
    opened = time.monotonic()
    diverged = None if finished else (fit_head if fitted else run_training)(run, state)
    trained = time.monotonic()

    step = keep_best(state, folder)
    merge_lora(model)
    model = fold_scale(model.eval(), run.scale)
    answering = ready(run, model)
    keep = partial(write_picture_model, run, model.cpu(), step, state.step if diverged else None, budget)
    about, evaluation = keep({}), None  # whatever becomes of the test
    if len(run.split.test):
        evaluation = judged(run, answering)
        about = keep(evaluation.metrics)
    if diverged:
        raise diverged
    n, metrics = (evaluation.n, evaluation.metrics) if evaluation else (0, {})
    made = TrainResult(folder.path, folder.model, source.task, metrics, time.monotonic() - run.began)
    timing = Timing(
        data=opened - run.began - teaching,
        train=state.seconds,
        evaluate=time.monotonic() - trained,
        images_per_second=None if fitted else learning_speed(run, state),
        hardware=describe_device(run.device),
        peak_memory=peak_memory(),
    )
    skipped = run.check.n - int(run.check.splits.sum())
    folder.write_result(result(made, about, state, timing, n=n, skipped=skipped))
    if run.config.report:
        write_report(folder.report, make_report(run, state, model, evaluation, timing))
    return made


def run_training(run: Run, state: TrainState) -> DivergedError | None:
    """The loop, with what this run trains on. Returns and raises what `run_loop` does."""
    recipe, pictures = run.recipe, run.pictures
    batches = make_batches(recipe, pictures, run.split, run.device)
    a_step = step_size(len(run.split.train), recipe.loop.batch_size)
    return run_loop(
        state,
        batches,
        make_objective(recipe, run.source, run.split, state.model, checksum=run.config.teacher),
        make_evaluator(recipe, pictures, run.split, run.device),
        optim=recipe.optim,
        loop=replace(recipe.loop, batch_size=a_step),  # which is told as speed
        budget=recipe.budget,
        seed=recipe.seed,
        folder=run.folder,
        seconds=run.config.seconds,
        names=lambda batch: ", ".join(str(run.source.names[i]) for i in batch["id"].tolist()[:4]),
        show=run.show,
        settle=run.threads.settle,
    )


def ready(run: Run, model: nn.Module) -> Model:
    """A copy of a finished model, answering as `smalti evaluate` will have it answer."""
    source, recipe = run.source, run.recipe
    (example,) = example_images(cast(Any, model).config)
    answering = for_inference(copy.deepcopy(model), example.to(run.device))
    return Model(answering, source.task, source.labels, recipe.preprocess, views=recipe.views)


def judged(run: Run, answering: Model) -> Evaluation:
    """The figures of a finished model on the test pictures."""
    pictures = Pictures(run.source, run.recipe.preprocess, workers=run.config.workers)
    return evaluate_on(answering, run.source, run.split.test, pictures=pictures)


def write_picture_model(
    run: Run, model: nn.Module, step: int, stopped: int | None, budget: Budget, metrics: dict[str, Metric]
) -> dict[str, Any]:
    """Writes the model file, and returns what it says of how the model came about.

    Args:
        model: on the CPU.
        step: that its weights are of.
        stopped: the step at which the run diverged; None where it did not.
        budget: of the whole run, its teacher's share included.
        metrics: on the test pictures, as far as these are known.
    """
    recipe, source = run.recipe, run.source
    about = provenance(
        run.config,
        recipe,
        source.name,
        step,
        model,
        metrics,
        budget=str(budget),
        fraction=recipe.fraction,
        start=recipe.transfer.start,
        diverged=stopped,
    )
    family, _ = recipe.model.resolve(recipe.preprocess, len(source.labels))
    file = ModelFile(family, model, source.task, source.labels, recipe.preprocess, recipe.views, about)
    write_model(run.folder.model, file)
    return about


def learning_speed(run: Run, state: TrainState) -> float:
    """Pictures a second of training; 0 where no time was spent on it."""
    seen = state.step * step_size(len(run.split.train), run.recipe.loop.batch_size)
    return seen / state.seconds if state.seconds else 0.0
