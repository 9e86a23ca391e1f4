"""Words that mean the same in every command, and the line they were typed in."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from smalti.tasks import AnyTask

__all__ = [
    "Beams",
    "Data",
    "Device",
    "Download",
    "Int8",
    "Json",
    "Merge",
    "Model",
    "PatchSize",
    "TaskName",
    "Whole",
    "command_line",
]


def _whole(_: object, tokens: Sequence[Token]) -> int:
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value} is not a whole number") from None


Whole = Annotated[int, Parameter(converter=_whole)]  # cyclopts by itself rounds 1.5 epochs to 2

Data = Annotated[
    str,
    Parameter(
        help="A folder, archive, array file or manifest of pictures, the name of a standard set (digits, mnist); or a "
        "text file, a folder of them, a table of texts."
    ),
]
Model = Annotated[str, Parameter(help="A model file or a run folder.")]
TaskName = Annotated[
    AnyTask | None,
    Parameter(help="What the targets mean; found from the data where it can be."),
]
Device = Annotated[
    str | None,
    Parameter(name="--device", help="cpu, cuda or mps; where not given, a CUDA GPU if there is one, else the CPU."),
]
Download = Annotated[bool, Parameter(help="Allow fetching what is named and not on this disk.")]
Int8 = Annotated[
    Path | None,
    Parameter(
        name="--int8",
        help="Compute in int8, calibrated on these pictures (a folder, an archive): faster; refused where it changes "
        "more than 2 % of the answers to them.",
    ),
]
Merge = Annotated[
    Whole,
    Parameter(
        name="--merge",
        help="How many tokens each block of a ViT merges into others: faster, but it moves answers; what that gains is "
        "measured and told on stderr.",
    ),
]
PatchSize = Annotated[
    Whole | None,
    Parameter(name="--patch-size", help="One of the patch sizes of a FlexiViT: smaller is more exact, larger faster."),
]
Beams = Annotated[
    Whole,
    Parameter(
        name="--beams",
        help="Width of the beam search, of a model that writes the target of a source; 1 is greedy: the likeliest "
        "token each time.",
    ),
]
Json = Annotated[bool, Parameter(name="--json", help="Machine output on stdout; progress and errors on stderr.")]


def command_line() -> str:
    """The command as it was typed, to be copied."""
    return shlex.join(["smalti", *sys.argv[1:]])
