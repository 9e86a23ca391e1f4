"""One complete run, from data to a judged model: `train` starts one, `resume` goes on with one."""

import copy
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import nn

from smalti.configs import demand, fit
from smalti.data.batches import step_size
from smalti.data.cores import cores
from smalti.data.pictures import Pictures
from smalti.data.split import split
from smalti.errors import DivergedError, InputError
from smalti.evaluate.evaluation import Evaluation, evaluate_on
from smalti.evaluate.page import write_report
from smalti.evaluate.report import Timing
from smalti.modelfile import ModelFile, read_model, write_model
from smalti.models.registry import example_images
from smalti.nn.device import describe_device, find_device
from smalti.nn.inference import for_inference
from smalti.nn.lora import merge_lora
from smalti.nn.threads import Threads
from smalti.ready import Model
from smalti.recipes.asked import Asked, ask, reads_bytes
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
from smalti.recipes.given import Given
from smalti.recipes.head import fit_head
from smalti.recipes.pace import reading_seconds
from smalti.recipes.page import make_report
from smalti.recipes.reading import within_the_clock
from smalti.recipes.recipe import Choice, Recipe, merged
from smalti.recipes.remarks import left_out, short_name, split_sizes, tell
from smalti.recipes.settings import RunConfig, is_text_run, place_of, read_settings, write_settings
from smalti.recipes.taught import taught
from smalti.recipes.teacher import AUTO
from smalti.recipes.text.recipe import TextRecipe
from smalti.recipes.text.run import resume_text, train_text
from smalti.recipes.text.systems import is_text
from smalti.recipes.toml import read_toml
from smalti.recipes.training import (
    CLOSING_SECONDS,
    TrainResult,
    fewer_threads,
    keep_best,
    kept_threads,
    new_state,
    peak_memory,
    provenance,
    result,
    resumable,
    run_loop,
    training_seconds,
)
from smalti.recipes.transfer import demand_unseen, find_start, read_start
from smalti.tasks import AnyTask
from smalti.train.budget import Budget
from smalti.train.folder import RunFolder
from smalti.train.state import TrainState

__all__ = ["TrainResult", "resume", "train"]

DEFAULT_BUDGET = Budget(minutes=10)


def train(
    data: str | os.PathLike[str],
    *,
    task: AnyTask | None = None,
    model: str | None = None,
    out: str | os.PathLike[str] | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    config: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int | None = None,
    fraction: float | None = None,
    start: str | os.PathLike[str] | None = None,
    teacher: str | os.PathLike[str] | None = None,
    bad_images: str = "stop",
    leaks: str = "stop",
    download: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    device: str | None = None,
    report: bool = True,
    show: bool = True,
    command: str = "smalti.train(...)",
) -> TrainResult:
    """Trains a model on `data`: the task, the model and the recipe are found from the data and the budget.

    Args:
        data: a folder, archive, file or name of pictures with labels; or a text, a folder of texts, a table of texts.
        task: "classify", "multilabel" or "regress" of pictures, "next-token", "masked-token", "seq2seq" or "classify"
            of texts, where the data could mean more than one.
        model: a preset; else chosen.
        out: the run folder to make; else a free name below `runs`.
        minutes: budget as wall clock of the whole call, evaluation included.
        epochs: budget as passes over the training pictures.
        steps: budget as optimiser steps. Without any budget: 10 minutes.
        config: a TOML file of settings, such as run.toml of another run.
        overrides: single settings, {"optim.lr": 0.001}; strings are read as TOML. They go before `config`.
        seed: of weights, order, augmentation and noise; else that of `config`, else 0.
        fraction: learn from this share of the training pictures only, drawn evenly from the classes; a smaller share is
            a part of a larger one, and the test pictures stay the same.
        start: a model file, a run folder, or OWNER/NAME on Hugging Face's hub: what that model has learned is where
            this one begins (`--from`).
        teacher: a model file or run folder: this model learns from that one's answers too (`--teacher`); "auto" for a
            small CNN that is trained first, with a share of the budget.
        bad_images: "skip" trains without pictures that cannot be read; "stop" refuses.
        leaks: "drop" trains without copies of test pictures; "stop" refuses.
        download: whether a standard set, or weights named on the hub, may be fetched.
        workers: threads or processes that read pictures.
        threads: threads that compute; else as many as there are, or fewer where other programs hold some of the cores.
        device: "cpu", "cuda", ...; else the best there is.
        report: whether to write report.html.
        show: whether to show progress on stderr.
        command: what the report says the run was begun with.

    Raises:
        InputError: the data or a setting cannot be used.
        Interrupted: Ctrl-C or SIGTERM; `resume` goes on.
        DivergedError: the loss left the finite numbers; the model file is the best model so far, if one was kept.
    """
    began = time.monotonic()
    place = find_device(device)
    if workers is not None:
        demand(workers >= 0, "--workers", workers, "0 or more")
    if threads is not None:
        demand(threads >= 1, "--threads", threads, "1 or more")
    task = fit(task, AnyTask | None, "task")
    fit(bad_images, Literal["stop", "skip"], "bad_images")
    fit(leaks, Literal["stop", "drop"], "leaks")
    file = {} if config is None else read_toml(Path(config))
    raw = reads_bytes(file, overrides)
    text = is_text(data, task, raw=raw)
    if raw and not text:
        raise InputError("--bytes is for text", where=data, mend="leave it out, or name one file")
    asked = ask(
        file,
        overrides,
        TextRecipe if text else Recipe,
        where=config or "",
        model=model,
        minutes=minutes,
        epochs=epochs,
        steps=steps,
        seed=seed,
        fraction=fraction,
        start=start,
        teacher=teacher,
    )
    budget = Budget(**asked.settings["budget"]) if asked.settings.get("budget") else DEFAULT_BUDGET
    kept = kept_threads(threads, budget, place)
    about = RunConfig(
        data=place_of(data),
        task=task or "",
        fingerprint="",
        device=str(place),
        workers=workers,
        threads=kept,
        bad_images=bad_images,
        leaks=leaks,
        download=download,
        seconds=None,
        report=report,
        command=command,
    )
    seed = int(asked.settings.get("seed", 0))
    demand(0 <= seed < 2**63, "--seed", seed, "a whole number from 0 to 9223372036854775807")
    if begun := asked.settings.get("transfer", {}).get("start"):
        found = {"transfer": {"start": find_start(begun, download=download)}}
        asked = replace(asked, settings=merged(asked.settings, found))
    with Threads(kept) as computing:
        noted = fewer_threads(computing) if threads is None else ()
        return (train_text if text else train_pictures)(
            data,
            task=task,
            out=out,
            budget=budget,
            asked=asked,
            config=about,
            device=place,
            threads=computing,
            noted=noted,
            began=began,
            show=show,
        )


def train_pictures(
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
) -> TrainResult:
    """Trains a model on pictures. Arguments as those of `train`, which comes here with pictures.

    Args:
        asked: the settings.
        config: what run.toml says of the command; what follows from the data is filled in here.
        threads: those that compute.
        noted: what was chosen before the data was looked at.
        began: when the command began, of `time.monotonic`.
    """
    settings = asked.settings
    seed, share = int(settings.get("seed", 0)), settings.get("fraction", 1.0)
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
        show=show,
    )
    start, teacher = settings.get("transfer", {}).get("start"), settings.get("teacher", {}).get("model")
    begun = read_start(start) if start else None
    taught_by = read_model(teacher) if teacher and teacher != AUTO else None
    for known in filter(None, (begun, taught_by)):
        demand_unseen(known, source.fingerprint, parts, partial(split, source, found.facts))
    asked = asked.without_facts(source.fingerprint).for_task(source.task)
    checksum = taught_by.checksum if taught_by else ""
    config = replace(config, task=source.task, fingerprint=source.fingerprint, teacher=checksum)

    elapsed = time.monotonic() - began
    seconds = None if budget.minutes is None else max(budget.minutes * 60 - elapsed - CLOSING_SECONDS, 1.0)
    given = Given(source, found, parts, budget, seconds or 0.0, device, asked.settings, seed, begun)
    reading, slow = 0.0, ()
    if budget.minutes is not None:
        workers = cores() if config.workers is None else config.workers
        reading = reading_seconds(source, parts.train, first_preprocess(given), workers)
        given, slow = within_the_clock(given, reading)
        parts = given.split
    chosen = choose(given)
    asked = asked.heeded(chosen.recipe, source.task)
    recipe = chosen.recipe.with_settings(merged(asked.settings, {"fraction": given.fraction}))
    folder = RunFolder.create(out or RunFolder.next_free(short_name(source.name)))
    with folder.lock():
        about = Choice("split", split_sizes(parts), parts.reason), *left_out(found), *asked.noted
        choices = (*about, *noted, *slow, *chosen.choices)
        learned, scale = standardise(source, parts)
        pictures = make_pictures(recipe, learned, config.workers, show=show)
        tell(choices, show)
        if must_find_lr(recipe, asked.settings):
            steps = range_steps(recipe, parts, chosen.pace, given.seconds)
            recipe, choice = find_rate(recipe, source, parts, pictures, device, steps, show=show)
            tell((choice,), show)
            choices = (*choices, choice)
        if budget.minutes is not None:
            testing = len(parts.test) * (reading + len(recipe.views) / chosen.pace.evaluate)
            choosing = len(parts.choosing) / chosen.pace.evaluate  # the last time, when training is over
            seconds = training_seconds(budget.minutes * 60 - (time.monotonic() - began), testing + choosing)
        config = replace(config, seconds=seconds, fraction=share if recipe.fraction < share else None)
        write_settings(folder, config, recipe, choices)
        run = Run(folder, config, recipe, choices, source, found, parts, pictures, scale, device, threads, began, show)
        with resumable(folder):
            return carry_out(run)


def refuse_mps(device: torch.device) -> None:
    """Raises InputError for a device that pictures cannot be varied on."""
    if device.type == "mps":
        what = "no training on pictures with mps, which lacks the float64 of augmentation"
        raise InputError(what, where="--device", mend="use --device cpu")


def resume(
    run_folder: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    device: str | None = None,
    show: bool = True,
) -> TrainResult:
    """Goes on with an interrupted run as it was set up; a finished one is judged again.

    Args:
        run_folder: what `train` made.
        data: where its data is now, if that has moved.
        device: "cpu", "cuda", ...; else the one it was on. Sums round differently on another kind.
        show: whether to show progress on stderr.

    Raises:
        InputError: there is no run, its data or its teacher has changed, its device is not here, or another process is
            at it.
        DamagedError: run.toml or the checkpoint cannot be read.
        Interrupted: as `train`.
    """
    began = time.monotonic()
    folder = RunFolder.open(run_folder)
    with folder.lock(), resumable(folder):
        if is_text_run(folder):
            return resume_text(folder, data, device=device, show=show, began=began)
        config, recipe, choices = read_settings(folder)
        config = config.moved(data, device)
        place = find_device(config.device)
        refuse_mps(place)
        source, found, parts = open_data(
            config.data,
            task=config.task,
            seed=recipe.seed,
            fraction=recipe.fraction,
            bad_images=config.bad_images,
            leaks=config.leaks,
            download=config.download,
            show=show,
        )
        if source.fingerprint != config.fingerprint:
            raise InputError(
                "the data has changed since the run began", where=config.data, mend="start a new run with smalti train"
            )
        if data is not None or device is not None:
            write_settings(folder, config, recipe, choices)
        learned, scale = standardise(source, parts)
        pictures = make_pictures(recipe, learned, config.workers, show=show)
        with Threads(config.threads) as threads:
            run = Run(
                folder, config, recipe, choices, source, found, parts, pictures, scale, place, threads, began, show
            )
            return carry_out(run)


def carry_out(run: Run) -> TrainResult:
    """Trains, keeps the best model, judges it once on the test pictures, writes the report."""
    budget = run.recipe.budget  # of the whole run, its teacher's share included
    finished = run.folder.last.exists() and run.folder.result.exists()  # written last: the run is only judged again
    fitted = run.recipe.transfer.tune == "head"  # at once, not in steps, and to no more pictures than it reads
    if not (finished or fitted):
        run = having_read(run)
    entered = time.monotonic()
    if run.recipe.teacher.model == AUTO and (run.folder.teacher.last.exists() or not run.folder.result.exists()):
        run = taught(run, carry_out)  # a finished run needs none: its teacher may be gone
    teaching = time.monotonic() - entered
    recipe, source, folder = run.recipe, run.source, run.folder
    model = make_model(recipe, source, resumed=folder.last.exists()).to(run.device)
    state = new_state(model, recipe.optim, recipe.loop, folder)
    prepared = time.monotonic()
    diverged = None if finished else (fit_head if fitted else run_training)(run, state)
    trained = time.monotonic()

    step = keep_best(state, folder)
    merge_lora(model)
    model = fold_scale(model.eval(), run.scale)
    evaluation = judged(run, model) if len(run.split.test) else None
    n, metrics = (evaluation.n, evaluation.metrics) if evaluation else (0, {})
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
        diverged=state.step if diverged else None,
    )
    family, _ = recipe.model.resolve(recipe.preprocess, len(source.labels))
    file = ModelFile(family, model.cpu(), source.task, source.labels, recipe.preprocess, recipe.views, about)
    write_model(folder.model, file)
    if diverged:
        raise diverged
    seen = state.step * step_size(len(run.split.train), recipe.loop.batch_size)
    made = TrainResult(folder.path, folder.model, source.task, metrics, time.monotonic() - run.began)
    timing = Timing(
        data=prepared - run.began - teaching,
        train=state.seconds,
        evaluate=time.monotonic() - trained,
        images_per_second=None if fitted else seen / state.seconds if state.seconds else 0.0,
        hardware=describe_device(run.device),
        peak_memory=peak_memory(),
    )
    skipped = run.check.n - int(run.check.splits.sum())
    folder.write_result(result(made, about, state, timing, n=n, skipped=skipped))
    if run.config.report:
        write_report(folder.report, make_report(run, state, model, evaluation, timing))
    return made


def having_read(run: Run) -> Run:
    """What is left of `run` once its pictures are in memory: as much of the clock less."""
    began = time.monotonic()
    read_pictures(run.pictures, run.split)
    seconds = run.config.seconds
    if seconds is not None:
        seconds = max(seconds - (time.monotonic() - began), 1.0)
    return replace(run, config=replace(run.config, seconds=seconds))


def judged(run: Run, model: nn.Module) -> Evaluation:
    """The figures of a finished model on the test pictures, answering as `smalti evaluate` will have it answer."""
    source, recipe = run.source, run.recipe
    (example,) = example_images(cast(Any, model).config)
    answering = for_inference(copy.deepcopy(model), example.to(run.device))
    ready = Model(answering, source.task, source.labels, recipe.preprocess, views=recipe.views)
    pictures = Pictures(source, recipe.preprocess, workers=run.config.workers)
    return evaluate_on(ready, source, run.split.test, pictures=pictures)


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
