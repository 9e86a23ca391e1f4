"""Words that mean the same in every command, and the line they were typed in."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from smalti.errors import InputError
from smalti.tasks import AnyTask

__all__ = [
    "Beams",
    "Columns",
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
    "assigned",
    "command_line",
    "named_columns",
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
Columns = Annotated[
    tuple[str, ...],
    Parameter(
        name="--column",
        help="MEANING=NAME: what a column of another name means, such as label=diagnosis; repeatable. MEANING is path, "
        "text, source, label, labels, target, targets, split or group.",
        show_default=False,
    ),
]
Device = Annotated[
    str | None,
    Parameter(
        name="--device",
        help="cpu, cuda or mps (no training on pictures); where not given, a CUDA GPU if there is one, else the CPU.",
    ),
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


def assigned(option: str, given: Sequence[str], form: str, example: str) -> dict[str, str]:
    """`("optim.lr=0.001",)`, of an option that may be repeated, as `{"optim.lr": "0.001"}`. Raises InputError for one
    that is not of this form."""
    pairs = {}
    for one in given:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise InputError(f"{option} {one} is not {form}", mend=f"write it as {option} {example}")
        pairs[key.strip()] = value.strip()
    return pairs


def named_columns(given: Sequence[str]) -> dict[str, str] | None:
    """`("label=dx",)` as `{"label": "dx"}`; None where nothing is given. Raises InputError for what says nothing, or
    something twice."""
    named = assigned("--column", given, "MEANING=NAME", "label=diagnosis")
    if len(named) < len(given):
        raise InputError("--column gives one meaning to two columns", mend="give it to one of them")
    return named or None
