"""`smalti train`."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from smalti.cli.options import (
    Columns,
    Data,
    Device,
    Download,
    Json,
    TaskName,
    Whole,
    assigned,
    command_line,
    named_columns,
)
from smalti.cli.output import metrics_dict, metrics_table, show, write_json
from smalti.errors import InputError

__all__ = ["train"]


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """What a new run can be told; the rest is chosen from the data and the budget."""

    task: TaskName = None
    column: Columns = ()
    model: Annotated[str | None, Parameter(help="A preset (see: smalti models); else chosen from the data.")] = None
    start: Annotated[
        str | None,
        Parameter(
            name="--from",
            help="A model file, a run folder, or a name on Hugging Face's hub (OWNER/NAME): begin with what that model "
            "has learned.",
        ),
    ] = None
    teacher: Annotated[
        str | None,
        Parameter(
            help="A model file or run folder: learn from that model's answers beside the labels; auto: from those of a "
            "small CNN that is trained first."
        ),
    ] = None
    out: Annotated[Path | None, Parameter(help="The run folder to make.")] = None
    minutes: Annotated[float | None, Parameter(help="Budget: the whole run fits, evaluation included.")] = None
    epochs: Annotated[Whole | None, Parameter(help="Budget: passes over the training data.")] = None
    steps: Annotated[Whole | None, Parameter(help="Budget: optimiser steps.")] = None
    config: Annotated[Path | None, Parameter(help="Settings from a file, such as run.toml of another run.")] = None
    set: Annotated[
        tuple[str, ...],
        Parameter(name="--set", help="KEY=VALUE, one setting, such as optim.lr=0.001; repeatable.", show_default=False),
    ] = ()
    raw: Annotated[bool, Parameter(name="--bytes", help="Text: every byte is a token, whatever the file holds.")] = (
        False
    )
    seed: Annotated[
        Whole | None,
        Parameter(help="Of the weights, the order and the augmentation; else that of --from or --teacher, else 0."),
    ] = None
    fraction: Annotated[
        float | None,
        Parameter(help="Learn from this share of the training pictures, evenly from the classes: 0.01 for 1 %."),
    ] = None
    bad_images: Annotated[Literal["stop", "skip"], Parameter(help="Pictures that cannot be read.")] = "stop"
    leaks: Annotated[Literal["stop", "drop"], Parameter(help="Training pictures that are also test pictures.")] = "stop"
    download: Download = False
    workers: Annotated[Whole | None, Parameter(help="Processes that read pictures.")] = None
    threads: Annotated[
        Whole | None, Parameter(help="Threads that compute; else as many as there are cores that nobody else holds.")
    ] = None
    device: Device = None


def train(
    data: Data | None = None,
    /,
    *,
    options: Options | None = None,
    resume: Annotated[
        Path | None,
        Parameter(
            help="Go on with the run in this folder, as it was set up; DATA only if that has moved, --device only for "
            "another one."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train a model on DATA: the task, the model and the recipe are found from the data and the budget."""
    options = options or Options()
    if resume is not None:
        if replace(options, device=None) != Options():
            mend = "leave out options other than --device"
            raise InputError("--resume goes on with a run as it was set up", mend=mend)
        from smalti import api

        result = api.resume(resume, data, device=options.device)
    elif data is None:
        raise InputError("DATA is missing", mend="name a folder or archive of pictures, a text, or --resume RUN")
    else:
        settings = asdict(options)
        overrides = assigned("--set", settings.pop("set"), "KEY=VALUE", "optim.lr=0.001")
        columns = named_columns(settings.pop("column"))
        if settings.pop("raw"):
            overrides["tokens.tokenizer"] = "bytes"
        from smalti import api

        result = api.train(data, columns=columns, overrides=overrides, command=command_line(), **settings)
    if json:
        metrics = metrics_dict(result.metrics)
        write_json({"run": result.run, "model": result.model, "task": result.task, "metrics": metrics})
        return
    show(metrics_table("test", result.metrics), f"run: {result.run}")
