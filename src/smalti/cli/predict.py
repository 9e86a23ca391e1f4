"""`smalti predict`."""

import csv
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from smalti.cli import startup
from smalti.cli.options import (
    Beams,
    Columns,
    Device,
    Int8,
    Json,
    Merge,
    Model,
    PatchSize,
    Whole,
    named_columns,
)
from smalti.cli.output import show, table, write_json
from smalti.errors import InputError, SmaltiError, printable

if TYPE_CHECKING:
    from smalti.ready import Prediction
    from smalti.ready_text import TextPrediction

__all__ = ["predict", "readable", "rows"]

ASIDE = ("error", "remark")  # columns that a person sees where they hold something


def predict(
    model: Model,
    inputs: Annotated[
        tuple[str, ...],
        Parameter(help="Pictures and folders of pictures; for a model of text, texts or files of them."),
    ],
    /,
    *,
    top: Annotated[
        Whole | None,
        Parameter(help="How many of the most probable labels to give, a row each (1; with --json 5)."),
    ] = None,
    batch_size: Annotated[Whole, Parameter(help="Pictures computed at once.")] = 32,
    int8: Int8 = None,
    merge: Merge = 0,
    patch_size: PatchSize = None,
    beams: Beams = 1,
    texts: Annotated[bool, Parameter(help="Every input is a text, though it looks like the name of a file.")] = False,
    column: Columns = (),
    device: Device = None,
    as_csv: Annotated[bool, Parameter(name="--csv", help="Comma-separated values on stdout.")] = False,
    json: Json = False,
) -> int:
    """Say what is in pictures, or what a text means; exit code 2 where one could not be read (the others are still
    answered)."""
    with startup.imports():
        from smalti import answering

    if as_csv and json:
        raise InputError("--csv and --json exclude each other", mend="choose one of them")
    predictions = answering.predict(
        model,
        inputs[0] if len(inputs) == 1 else inputs,  # alone, what holds no picture is an error of the command
        top=5 if top is None else top,
        batch_size=batch_size,
        int8=int8,
        merge=merge,
        patch_size=patch_size,
        beams=beams,
        texts=texts,
        columns=named_columns(column),
        device=device,
    )
    failed = False

    def seen() -> "Iterator[Any]":
        nonlocal failed
        for prediction in predictions:
            failed |= prediction.error is not None
            yield prediction

    if json:
        for prediction in seen():
            write_json(prediction.to_dict())
    elif as_csv:  # as they come too, for any number of pictures
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows(seen(), exact=True, ranked=top is not None))
    else:
        header, *cells = readable(rows(seen(), exact=False, ranked=top is not None))
        show(table("", header, cells))
    return 2 if failed else 0


def readable(rows: Iterable[list[str]]) -> list[list[str]]:
    """The rows below a heading, for a person: without the columns of errors and remarks where there are none."""
    header, *cells = rows
    kept = [k for k, name in enumerate(header) if name not in ASIDE or any(row[k] for row in cells)]
    return [[row[k] for k in kept] for row in (header, *cells)]


def rows(predictions: "Iterable[Any]", *, exact: bool, ranked: bool = False) -> Iterator[list[str]]:
    """A heading, then a row or more a prediction, as they come. What the columns are, the first answer says: what
    failed before it waits.

    Args:
        predictions: `Prediction` or `TextPrediction`, of one model.
        exact: names and numbers in full, for a program; else as a person reads them.
        ranked: a row for each of the most probable answers.
    """
    predictions, waiting = iter(predictions), []
    for one in predictions:
        waiting.append(one)
        if one.error is None:
            break
    if not waiting:
        yield ["file", "label", "probability", "error"]
        return
    of_text = hasattr(waiting[-1], "text")
    yield from (text_rows if of_text else picture_rows)(waiting[-1], chain(waiting, predictions), exact, ranked)


def text_rows(
    first: "TextPrediction", predictions: "Iterable[TextPrediction]", exact: bool, ranked: bool
) -> Iterator[list[str]]:
    """Text, answer, and probability where there is one; error and remark."""
    sure = first.probability is not None
    yield ["text", "answer", *(["probability"] if sure else []), *ASIDE]
    name = str if exact else printable
    for one in predictions:
        error = reason(one.error, exact) if one.error else ""
        for answer, probability in [(one.answer, one.probability), *(one.top[1:] if ranked else ())]:
            share = "" if probability is None else number(probability, exact)
            yield [name(one.text), name(answer), *([share] if sure else []), error, one.remark]


def picture_rows(
    first: "Prediction", predictions: "Iterable[Prediction]", exact: bool, ranked: bool
) -> Iterator[list[str]]:
    """File; label and probability, or a column a target; error."""
    name = str if exact else printable
    targets = list(first.values or ()) if not first.top else []
    yield ["file", *(targets or ["label", "probability"]), "error"]
    for one in predictions:
        if one.error is not None:
            answers = [[*([""] * (len(targets) or 2)), reason(one.error, exact)]]
        elif one.values and targets:
            answers = [[*(number(one.values[target], exact) for target in targets), ""]]
        else:
            labels = one.top if ranked else [(one.label, one.probability)]
            answers = [[name(label), number(share, exact), ""] for label, share in labels]
        for cells in answers:
            yield [name(one.file), *cells]


def reason(error: SmaltiError, exact: bool) -> str:
    """Why there is no answer; for a person also what to do about it."""
    return error.cause if exact or not error.mend else f"{error.cause}; {error.mend}"


def number(value: float, exact: bool) -> str:
    """In full for a program, else with four decimals."""
    return repr(value) if exact else f"{value:.4f}"
