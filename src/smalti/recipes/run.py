"""One complete run, from data to a judged model: `train` starts one, `resume` goes on with one."""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from smalti.configs import demand, fit
from smalti.data.formats.columns import Columns
from smalti.errors import InputError
from smalti.nn.device import find_device
from smalti.nn.threads import Threads
from smalti.recipes.asked import Asked, ask, reads_bytes
from smalti.recipes.pictures import prepare_pictures, resume_pictures
from smalti.recipes.recipe import Recipe, merged
from smalti.recipes.settings import RunConfig, is_text_run, place_of
from smalti.recipes.text.recipe import TextRecipe
from smalti.recipes.text.run import prepare_text, resume_text
from smalti.recipes.text.systems import is_text
from smalti.recipes.toml import read_toml
from smalti.recipes.training import TrainResult, fewer_threads, kept_threads, resumable
from smalti.recipes.transfer import find_start
from smalti.tasks import AnyTask
from smalti.train.budget import Budget
from smalti.train.folder import RunFolder

__all__ = ["TrainResult", "resume", "train"]

DEFAULT_BUDGET = Budget(minutes=10)


def train(
    data: str | os.PathLike[str],
    *,
    task: AnyTask | None = None,
    columns: Columns | None = None,
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
        columns: what the columns of a table mean that have other names: {"label": "dx", "group": "lesion_id"}. Of path,
            text, source, label, labels, target, targets, target_NAME, split and group; names in any case.
        model: a preset; else chosen.
        out: the run folder to make; else a free name below `runs`.
        minutes: budget as wall clock of the whole call, evaluation included.
        epochs: budget as passes over the training pictures.
        steps: budget as optimiser steps. Without any budget: 10 minutes.
        config: a TOML file of settings, such as run.toml of another run.
        overrides: single settings, {"optim.lr": 0.001}; strings are read as TOML. They go before `config`.
        seed: of weights, order, augmentation and noise; else that of `config`, else that of `start` or of
            `teacher`, else 0.
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
        InputError: the data, a setting or `out` cannot be used.
        StorageError: no folder can be made at `out`.
        Interrupted: Ctrl-C or SIGTERM; `resume` goes on.
        DivergedError: the loss left the finite numbers; the model file is the best model so far, if one was kept.
    """
    began = time.monotonic()
    if out:
        RunFolder(out).demand_free()
    place = find_device(device)
    if workers is not None:
        demand(workers >= 0, "--workers", workers, "0 or more")
    if threads is not None:
        demand(threads >= 1, "--threads", threads, "1 or more")
    task = fit(task, AnyTask | None, "task")
    fit(bad_images, Literal["stop", "skip"], "bad_images")
    fit(leaks, Literal["stop", "drop"], "leaks")
    file = {} if config is None else read_toml(Path(config))
    text = asks_for_text(data, task, columns, raw=reads_bytes(file, overrides))
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
        columns=dict(columns) if columns else None,
    )
    seed = int(asked.settings.get("seed", 0))
    demand(0 <= seed < 2**63, "--seed", seed, "a whole number from 0 to 9223372036854775807")
    asked = with_found_start(asked, download=download)
    with Threads(kept) as computing:
        noted = fewer_threads(computing) if threads is None else ()
        carry_out = (prepare_text if text else prepare_pictures)(
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
        return carry_out()  # from here, where nothing holds what only the choices needed


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
        go_on = resume_text if is_text_run(folder) else resume_pictures
        return go_on(folder, data, device=device, show=show, began=began)


def asks_for_text(data: str | os.PathLike[str], task: str | None, columns: Columns | None, *, raw: bool) -> bool:
    """Whether a run is on text. Raises InputError where it is not, and every byte is to be a token: `raw`."""
    text = is_text(data, task, columns, raw=raw)
    if raw and not text:
        raise InputError("--bytes is for text", where=data, mend="leave it out, or name one file")
    return text


def with_found_start(asked: Asked, *, download: bool) -> Asked:
    """The same with the model that the run begins with, if any, in words that mean the same tomorrow: see
    `find_start`."""
    start = asked.settings.get("transfer", {}).get("start")
    if not start:
        return asked
    found = {"transfer": {"start": find_start(start, download=download)}}
    return replace(asked, settings=merged(asked.settings, found))
