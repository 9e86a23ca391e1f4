"""`smalti export`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from smalti.cli.options import Json, Model
from smalti.cli.output import show, write_json

__all__ = ["export"]


def export(
    model: Model,
    /,
    *,
    format: Annotated[  # noqa: A002 - the word of the command line
        Literal["hf", "timm"], Parameter(help="A folder for transformers (hf) or for timm.")
    ],
    out: Annotated[Path, Parameter(help="The folder to make.")],
    json: Json = False,
) -> None:
    """Write a trained model for another library, and compare its answers there."""
    from smalti import api

    made = api.export(model, out, format=format)
    if json:
        write_json({"out": made.path, "difference": made.difference, "remarks": made.remarks})
        return
    library = {"hf": "transformers", "timm": "timm"}[format]
    compared = f"not compared: {library} is not installed here (pip install {library})"
    if made.difference is not None:
        compared = f"{library} gives the same answers (largest difference {made.difference:.1e} of the largest)"
    show(compared, *made.remarks, f"folder: {made.path}")
