"""`smalti evaluate`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from smalti.cli.options import (
    Beams,
    Columns,
    Data,
    Device,
    Download,
    Int8,
    Json,
    Merge,
    Model,
    PatchSize,
    named_columns,
)
from smalti.cli.output import metrics_table, show, table, write_json

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["evaluate"]

FEW = 20  # rows that people read


def evaluate(
    model: Model,
    data: Data,
    /,
    *,
    column: Columns = (),
    split: Annotated[
        Literal["train", "val", "test", "all"], Parameter(help="The part of the data to measure on.")
    ] = "test",
    report: Annotated[Path | None, Parameter(help="Also write an HTML report to this file.")] = None,
    int8: Int8 = None,
    merge: Merge = 0,
    patch_size: PatchSize = None,
    beams: Beams = 1,
    device: Device = None,
    download: Download = False,
    json: Json = False,
) -> None:
    """Measure a trained model: metrics with 95 % intervals, then precision, recall and F1 of each class."""
    from smalti import api

    result = api.evaluate(
        model,
        data,
        columns=named_columns(column),
        split=split,
        int8=int8,
        merge=merge,
        patch_size=patch_size,
        beams=beams,
        device=device,
        download=download,
        report=report,
    )
    if json:
        write_json(result.to_dict())
        return
    show(metrics_table(f"{split}: {result.n:,} samples", result.metrics))
    if len(result.table) > 1:
        unit = "pictures" if isinstance(result, api.Evaluation) else "texts"
        show("", weakest(result.table, unit))
    if len(result.table) > FEW:
        show(f"the weakest {FEW} of {len(result.table)}; all of them: --report FILE or --json")
    if report is not None:
        show(f"report: {report}")


def weakest(rows: Sequence[Mapping[str, Any]], unit: str) -> "Table":
    """The weakest classes, labels or targets first, as in the report; the interval is that of recall."""
    from smalti.evaluate.figures import per_class_table

    found = per_class_table(rows, unit)
    assert found is not None
    columns = ["label", *(title.lower() for title in found["columns"][1:])]
    cells = [row for row, _ in found["rows"][:FEW]]
    texts = [[text for text, _ in row] for row in cells]
    if "recall" in columns:
        place = columns.index("recall")
        columns.insert(place + 1, "95 % interval")
        for row, text in zip(cells, texts, strict=True):
            text.insert(place + 1, row[place][1])
    return table("", columns, texts)
