"""`smalti predict`."""

import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from smalti.cli.options import Beams, Device, Int8, Json, Merge, Model, PatchSize, Whole
from smalti.cli.output import show, table, write_json
from smalti.errors import InputError, printable

if TYPE_CHECKING:
    from smalti.ready import Prediction
    from smalti.ready_text import TextPrediction

__all__ = ["predict", "prediction_rows"]


def predict(
    model: Model,
    inputs: Annotated[tuple[str, ...], Parameter(help="Pictures and folders of pictures; for a model of text, texts.")],
    /,
    *,
    top: Annotated[
        Whole | None,
        Parameter(help="Give so many of the most probable labels, a row each; else the first alone, with --json 5."),
    ] = None,
    batch_size: Annotated[Whole, Parameter(help="Pictures computed at once.")] = 32,
    int8: Int8 = None,
    merge: Merge = 0,
    patch_size: PatchSize = None,
    beams: Beams = 1,
    device: Device = None,
    as_csv: Annotated[bool, Parameter(name="--csv", help="Comma-separated values on stdout.")] = False,
    json: Json = False,
) -> int:
    """Say what is in pictures, or what a text means; exit code 2 where one could not be read (the others are still
    answered)."""
    from smalti import answering

    if as_csv and json:
        raise InputError("--csv and --json exclude each other", mend="choose one of them")
    predictions = answering.predict(
        model,
        inputs,
        top=5 if top is None else top,
        batch_size=batch_size,
        int8=int8,
        merge=merge,
        patch_size=patch_size,
        beams=beams,
        device=device,
    )
    if json:  # as they come, for any number of pictures
        failed = False
        for prediction in predictions:
            write_json(prediction.to_dict())
            failed |= prediction.error is not None
        return 2 if failed else 0
    results = list(predictions)
    rows: Any = text_rows if results and hasattr(results[0], "text") else prediction_rows
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows(results, exact=True, ranked=top is not None))
    else:
        header, *cells = rows(results, exact=False, ranked=top is not None)
        show(table("", header, cells))
    return 2 if any(prediction.error for prediction in results) else 0


def text_rows(predictions: "Sequence[TextPrediction]", *, exact: bool, ranked: bool = False) -> list[list[str]]:
    """A heading and a row a text: answer, and probability where there is one; as `prediction_rows`."""
    sure = any(one.probability is not None for one in predictions)
    failed = any(one.error is not None for one in predictions)
    rows = [["text", "answer", *(["probability"] if sure else []), *(["error"] if failed else [])]]
    name = str if exact else printable
    for one in predictions:
        error = one.error.cause if one.error else ""
        for answer, probability in [(one.answer, one.probability), *(one.top[1:] if ranked else ())]:
            share = "" if probability is None else repr(probability) if exact else f"{probability:.4f}"
            rows.append([name(one.text), name(answer), *([share] if sure else []), *([error] if failed else [])])
    return rows


def prediction_rows(predictions: "Sequence[Prediction]", *, exact: bool, ranked: bool = False) -> list[list[str]]:
    """A heading and a row a picture: label and probability, or a column a target; the error last, where any failed.

    Args:
        predictions: of one model, so all of one kind.
        exact: names and numbers in full, for a program; else as a person reads them.
        ranked: a row for each of the most probable labels of a picture.
    """

    def number(value: float) -> str:
        return repr(value) if exact else f"{value:.4f}"

    name = str if exact else printable
    targets = next((list(one.values) for one in predictions if one.values and not one.top), [])
    failed = any(prediction.error for prediction in predictions)
    rows = [["file", *(targets or ["label", "probability"]), *(["error"] if failed else [])]]
    for prediction in predictions:
        if prediction.error is not None:
            answers = [[*([""] * (len(targets) or 2)), prediction.error.cause]]
        elif targets and prediction.values:
            answers = [[number(prediction.values[target]) for target in targets] + [""] * failed]
        else:
            labels = prediction.top if ranked else [(prediction.label, prediction.probability)]
            answers = [[name(label), number(share)] + [""] * failed for label, share in labels]
        rows += [[name(prediction.file), *cells] for cells in answers]
    return rows
