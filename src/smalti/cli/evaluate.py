"""`smalti evaluate`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from smalti.cli.options import Beams, Data, Device, Download, Int8, Json, Merge, Model, PatchSize
from smalti.cli.output import metrics_dict, metrics_table, show, write_json

__all__ = ["evaluate"]


def evaluate(
    model: Model,
    data: Data,
    /,
    *,
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
    """Measure a trained model: metrics with 95 % intervals."""
    from smalti import api

    result = api.evaluate(
        model,
        data,
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
        write_json({"n": result.n, "metrics": metrics_dict(result.metrics)})
        return
    show(metrics_table(f"{split}: {result.n:,} samples", result.metrics))
    if report is not None:
        show(f"report: {report}")
