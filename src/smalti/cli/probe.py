"""`smalti probe`."""

from typing import Annotated

from cyclopts import Parameter

from smalti.cli.options import Columns, Data, Device, Download, Json, Model, Whole, named_columns
from smalti.cli.output import metrics_dict, metrics_table, show, write_json
from smalti.tasks import Task

__all__ = ["probe"]


def probe(
    model: Model,
    data: Data,
    /,
    *,
    task: Annotated[
        Task | None,
        Parameter(help="What the targets mean; found from the data where it can be."),
    ] = None,
    column: Columns = (),
    k: Annotated[Whole, Parameter(name="-k", help="Neighbours that vote.")] = 20,
    device: Device = None,
    download: Download = False,
    json: Json = False,
) -> None:
    """Measure what a model's features know of DATA without training it: nearest neighbours and a linear layer."""
    from smalti import api

    result = api.probe(model, data, task=task, columns=named_columns(column), k=k, device=device, download=download)
    if json:
        write_json({"n": result.n, "metrics": metrics_dict(result.metrics), "strength": result.strength})
        return
    if result.knn:
        show(metrics_table(f"{k} nearest neighbours, {result.n:,} test pictures", result.knn))
    show(metrics_table(f"linear layer (C = {result.strength:g}), {result.n:,} test pictures", result.linear))
