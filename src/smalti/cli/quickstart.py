"""`smalti quickstart`."""

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from smalti.cli.options import Json, Whole, command_line
from smalti.cli.output import metrics_dict, metrics_table, show, table, write_json
from smalti.cli.predict import readable, rows

__all__ = ["quickstart"]

NEXT = """Open {report} in a browser.
Then, with a folder that holds a folder of pictures for every class:

  smalti check PICTURES
  smalti train PICTURES --minutes 5
  smalti predict {run} PICTURE...
"""


def quickstart(
    *,
    out: Annotated[Path | None, Parameter(help="The run folder to make; a free name where not given.")] = None,
    seed: Annotated[Whole, Parameter(help="Of the weights, the order and the augmentation.")] = 0,
    json: Json = False,
) -> None:
    """Train, judge and use a small Vision Transformer on handwritten digits that come with the installation."""
    from smalti import api

    result = api.quickstart(out=out, seed=seed, command=command_line())
    if json:
        metrics = metrics_dict(result.metrics)
        write_json({"run": result.run, "model": result.model, "task": result.task, "metrics": metrics})
        return
    header, *cells = readable(rows(result.predictions, exact=False))
    show(metrics_table("Handwritten digits it has not seen", result.metrics), "")
    show(table("A few of them", header, cells), "")
    show(NEXT.format(report=result.run / "report.html", run=shlex.quote(str(result.run))).rstrip())
