"""One complete run on text, from files to a judged model. That on pictures is in `smalti.recipes.pictures`."""

import copy
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from smalti.data.source import SPLITS
from smalti.data.text import split_texts
from smalti.data.text.sentences import require_classes
from smalti.errors import DamagedError, DivergedError, InputError
from smalti.evaluate.metrics import Metric
from smalti.evaluate.outputs import device_of
from smalti.evaluate.page import write_report
from smalti.evaluate.report import DataSummary, Report, Timing
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.files import write_durably
from smalti.modelfile import ModelFile, write_model
from smalti.nn.device import describe_device, find_device
from smalti.nn.threads import Threads
from smalti.ready_text import prepared
from smalti.recipes.asked import Asked
from smalti.recipes.clock import start_clock
from smalti.recipes.pace import fastest
from smalti.recipes.recipe import Choice
from smalti.recipes.remarks import short_name, tell
from smalti.recipes.settings import RunConfig, read_settings, write_settings
from smalti.recipes.text.choose import choose_text
from smalti.recipes.text.divided import Divided
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.sentences import Labelling
from smalti.recipes.text.start import load_text_start, read_text_start
from smalti.recipes.text.systems import System, open_system, text_task
from smalti.recipes.text.tokens import SPECIALS, choose_tokens
from smalti.recipes.training import (
    TrainResult,
    demand_same_data,
    keep_best,
    made_with,
    new_state,
    peak_memory,
    provenance,
    result,
    resumable,
    run_loop,
)
from smalti.recipes.transfer import demand_unseen
from smalti.tokenizers import Tokenizer, tokenizer_from_dict
from smalti.train.budget import Budget
from smalti.train.folder import RunFolder
from smalti.train.state import TrainState

__all__ = ["prepare_text", "resume_text"]


@dataclass(frozen=True)
class TextRun:
    """All that a run on text is made of."""

    folder: RunFolder
    config: RunConfig
    recipe: TextRecipe
    choices: tuple[Choice, ...]
    system: System
    device: torch.device
    threads: Threads
    began: float
    show: bool


def prepare_text(
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
    """Chooses how a model is trained on text, and returns what trains it. The model it begins with, which is needed to
    choose, is let go of then. Arguments as those of `smalti.recipes.run.train`, which comes here with texts.

    Args:
        asked: the settings.
        config: what run.toml says of the command; what follows from the data is filled in here.
        threads: those that compute.
        noted: what was chosen before the data was looked at.
        began: when the command began, of `time.monotonic`.
    """
    start = asked.settings.get("transfer", {}).get("start")
    begun = read_text_start(start) if start else None
    asked = asked.with_seed_of(begun)
    settings = asked.settings
    task = text_task(data, task, config.columns)
    tokens = choose_tokens(task, settings.get("tokens", {}))
    tokenizer = None
    if begun:
        tokenizer = begun.processor.with_specials(*SPECIALS[task])
        tokens = kind_of_start(tokens, tokenizer, settings.get("tokens", {}))
    seed = int(settings.get("seed", 0))
    system = open_system(data, task, tokens, columns=config.columns, seed=seed, tokenizer=tokenizer)
    if isinstance(system, Divided):
        system.parts.demand_train(system.name)
        if begun:
            demand_unseen(begun, system.name, system.fingerprint(), system.parts, partial(split_texts, system.source))
    if isinstance(system, Labelling):
        require_classes(system.source)
    recipe, choices = choose_text(system, budget, settings, device, begun)
    asked = asked.heeded(recipe, task)
    recipe = recipe.with_settings(asked.settings)
    demand_for_text(config, recipe)
    noted = (*noted, *asked.noted)
    with torch.device("meta"):
        model = recipe.build(**system.found)
    choices = (*noted, *choices, *system.read(model, SPLITS))  # of which one may not fit: better now than in the end
    system.batches(recipe, model)  # of which a short text may give none: likewise
    clock = None
    if budget.minutes is not None:
        clock, late = start_clock(budget.minutes, began, "opening the texts")
        choices = (*choices, *late)
    tell(choices, show)
    if clock:
        judging = judging_seconds(system, recipe.build(**system.found).to(device))
        config = replace(config, seconds=clock.training(judging))
    config = replace(config, task=system.task, fingerprint=system.fingerprint())
    folder = RunFolder(out or RunFolder.next_free(short_name(system.name)))
    return partial(train_text, TextRun(folder, config, recipe, choices, system, device, threads, began, show))


def train_text(run: TextRun) -> TrainResult:
    """Begins a run that was prepared, and carries it out."""
    folder = RunFolder.create(run.folder.path)
    with folder.lock():
        write_durably(folder.tokenizer, json.dumps(run.system.tokenizer.to_dict()))
        write_settings(folder, run.config, run.recipe, run.choices)
        with resumable(folder):
            return carry_out_text(run)


def demand_for_text(config: RunConfig, recipe: TextRecipe) -> None:
    """Passes where all that the person named is for text; else raises InputError."""
    given = {"--bad-images": config.bad_images != "stop", "--leaks": config.leaks != "stop"}
    given["--workers"] = config.workers is not None
    for name in (name for name, is_given in given.items() if is_given):
        raise InputError(f"{name} is for pictures", mend="leave it out")
    if recipe.target.sampling != "once":
        what = f'target.sampling = "{recipe.target.sampling}" is for pictures'
        raise InputError(what, mend="set target.class_weights=auto for rare classes")


def judging_seconds(system: System, model: nn.Module) -> float:
    """How long the test will take, measured on a little validation data (training data where there is none): a model
    that has learned nothing writes targets of full length."""
    split = "val" if system.sizes["val"] else "train"
    some = system.rehearsal(split, model)
    return fastest(lambda: some.measure(model, split), device_of(model)) * system.sizes["test"] / some.sizes[split]


def kind_of_start(tokens: TokensConfig, tokenizer: Tokenizer, settings: Mapping[str, Any]) -> TokensConfig:
    """With the kind of tokenizer that a run begins with, which says how its texts are read. Raises InputError where the
    person named another."""
    if settings.get("tokenizer", tokenizer.kind) != tokenizer.kind:
        what = f'tokens.tokenizer = "{tokens.tokenizer}", and the model it begins with has {tokenizer.kind}'
        raise InputError(what, mend="leave it out, or begin without --from")
    return replace(tokens, tokenizer=tokenizer.kind)


def resume_text(
    folder: RunFolder,
    data: str | os.PathLike[str] | None,
    *,
    device: str | None,
    show: bool,
    began: float,
) -> TrainResult:
    """Goes on with a run on text; the folder is locked. As `smalti.recipes.run.resume`."""
    config, recipe, choices = read_settings(folder, TextRecipe)
    config = config.moved(data, device)
    place = find_device(config.device)
    tokenizer = read_tokenizer(folder)
    system = open_system(
        config.data, config.task, recipe.tokens, columns=config.columns, seed=recipe.seed, tokenizer=tokenizer
    )
    demand_same_data(config, system.fingerprint())
    if data is not None or device is not None:
        write_settings(folder, config, recipe, choices)
    with Threads(config.threads) as threads:
        return carry_out_text(TextRun(folder, config, recipe, choices, system, place, threads, began, show))


def read_tokenizer(folder: RunFolder) -> Tokenizer:
    """The tokenizer of an interrupted run: what it began with may be gone. Raises DamagedError where it is damaged."""
    try:
        return tokenizer_from_dict(json.loads(folder.tokenizer.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        mend = "restore the files of the run, or start a new one"
        raise DamagedError("is no tokenizer of a run", where=folder.tokenizer, why=str(error), mend=mend) from error


def carry_out_text(run: TextRun) -> TrainResult:
    """Trains, keeps the best model, judges it once on the test texts, writes the report."""
    recipe, system, folder = run.recipe, run.system, run.folder
    torch.manual_seed(recipe.seed)
    model = recipe.build(**system.found).to(run.device)
    if recipe.transfer.start and not folder.last.exists():
        load_text_start(model, read_text_start(recipe.transfer.start), system.task, system.labels)
    state = new_state(model, recipe.optim, recipe.loop, folder)
    opened = time.monotonic()
    diverged = learn(run, state)
    trained = time.monotonic()

    step = keep_best(state, folder)
    family, _ = recipe.resolve(**system.found)
    answering = prepared(family, copy.deepcopy(model))  # as `smalti evaluate` will
    keep = partial(write_text_model, run, model.cpu(), step, state.step if diverged else None)
    keep({})  # whatever becomes of the test
    found = system.measure(answering, "test")
    about = keep(found.metrics)
    if diverged:
        raise diverged
    made = TrainResult(folder.path, folder.model, system.task, found.metrics, time.monotonic() - run.began)
    timing = Timing(
        data=opened - run.began,
        train=state.seconds,
        evaluate=time.monotonic() - trained,
        hardware=describe_device(run.device),
        peak_memory=peak_memory(),
    )
    folder.write_result(result(made, about, state, timing, n=found.n, skipped=0))
    if run.config.report:
        write_report(folder.report, make_text_report(run, state, answering, found, timing, about["parameters"]))
    return made


def learn(run: TextRun, state: TrainState) -> DivergedError | None:
    """The loop, as `run_loop`."""
    recipe, system, model = run.recipe, run.system, state.model
    return run_loop(
        state,
        system.batches(recipe, model),
        system.objective(recipe, state),
        system.evaluator(recipe, model),
        optim=recipe.optim,
        loop=recipe.loop,
        budget=recipe.budget,
        seed=recipe.seed,
        folder=run.folder,
        seconds=run.config.seconds,
        names=system.describe,
        show=run.show,
        settle=run.threads.settle,
        unit="samples",
    )


def write_text_model(
    run: TextRun, model: nn.Module, step: int, stopped: int | None, metrics: dict[str, Metric]
) -> dict[str, Any]:
    """Writes the model file, and returns what it says of how the model came about.

    Args:
        model: on the CPU.
        step: that its weights are of.
        stopped: the step at which the run diverged; None where it did not.
        metrics: on the test texts, as far as these are known.
    """
    system, (family, _) = run.system, run.recipe.resolve(**run.system.found)
    about = provenance(run.config, run.recipe, system.name, step, model, metrics, diverged=stopped)
    file = ModelFile(family, model, system.task, system.labels, system.tokenizer, provenance=about)
    write_model(run.folder.model, file)
    return about


def make_text_report(
    run: TextRun, state: TrainState, answering: nn.Module, found: TextEvaluation, timing: Timing, parameters: int
) -> Report:
    """The report of a finished run, whose model reached what was `found` on the test texts."""
    system, pace = run.system, dict(state.pace)
    return Report(
        title=system.name,
        task=system.task,
        metrics=found.metrics,
        split="test",
        model=run.recipe.model.preset,
        parameters=parameters,
        labels=system.labels,
        confusion=found.confusion,
        per_class=found.table,
        mistakes=found.mistakes,
        trained_on=system.name,
        data=DataSummary(system.name, system.sizes, split_reason=system.reason),
        choices=[(c.name, c.value, c.reason) for c in run.choices],
        curves=[{**row, "seconds": pace.get(int(row["step"]))} for row in state.rows],
        timing=timing,
        run=str(run.folder.path),
        versions=made_with(),
        command=run.config.command,
        unit=system.unit,
        texts=system.examples(answering),
    )
