"""`smalti import-weights`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from smalti.cli.options import Download, Json, Whole
from smalti.cli.output import show, table, write_json
from smalti.errors import printable
from smalti.tasks import Task

__all__ = ["import_weights"]


def import_weights(
    file: Annotated[
        str,
        Parameter(
            help="A .safetensors, .npz or .pth file, a folder with a config.json, or a name on Hugging Face's hub, "
            "OWNER/NAME or OWNER/NAME@COMMIT."
        ),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="The model file to write.")],
    preset: Annotated[str | None, Parameter(help="What the weights are of (see: smalti models).")] = None,
    task: Annotated[
        Task | None,
        Parameter(help="What the outputs are; else as the folder says, or classes."),
    ] = None,
    img_size: Annotated[Whole | None, Parameter(help="Side of the pictures the model shall take.")] = None,
    in_chans: Annotated[Whole | None, Parameter(help="Channels it shall take.")] = None,
    labels: Annotated[Path | None, Parameter(help="A text file with the names of the outputs, one a line.")] = None,
    mean: Annotated[tuple[float, ...] | None, Parameter(help="Of the pixels in [0, 1], a value a channel.")] = None,
    std: Annotated[tuple[float, ...] | None, Parameter(help="Their deviation.")] = None,
    download: Download = False,
    json: Json = False,
) -> None:
    """Make a model file of published weights."""
    from smalti import api
    from smalti.tokenizers import Tokenizer
    from smalti.weights import DifferenceError

    try:
        pictures = {"task": task, "img_size": img_size, "in_chans": in_chans, "mean": mean, "std": std}
        made = api.import_weights(file, out, preset=preset, labels=labels, download=download, **pictures)
    except DifferenceError as error:
        if not json:
            rows = [(printable(name), theirs or "-", ours or "-") for name, theirs, ours in error.rows[:20]]
            show(table("", ("tensor", "in the file", "in the model"), rows))
        raise
    own = made.model.processor
    rule = {"tokenizer": own.kind} if isinstance(own, Tokenizer) else {"preprocess": own.to_dict()}
    about = {
        "model": made.path,
        "names": made.names,
        "outputs": len(made.model.labels),
        **rule,
        "remarks": made.remarks,
    }
    if json:
        write_json(about)
        return
    show(*made.remarks, f"model: {made.path}")
