"""Errors a person can act on: what was refused, where, why, and the mend; one line each, with the exit code of the
command.
"""

from collections.abc import Iterable
from itertools import islice
from typing import ClassVar

__all__ = [
    "DamagedError",
    "DivergedError",
    "InputError",
    "Interrupted",
    "SmaltiError",
    "StorageError",
    "counted",
    "few",
    "install_line",
    "printable",
]


def printable(name: object, limit: int = 200) -> str:
    """`name` as one safe line of a terminal or log: control characters and broken Unicode escaped, the middle of a
    long name cut.
    """
    text = str(name)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 2 :]}"


def few(names: Iterable[str], limit: int = 3) -> str:
    """The first names of many, for a message: "a, b, c and 7 more"."""
    left = iter(names)
    shown = ", ".join(printable(name, 80) for name in islice(left, limit))
    more = sum(1 for _ in left)
    return f"{shown} and {more} more" if more else shown


def counted(n: int, noun: str) -> str:
    """A number with its noun: "1 file", "3 files"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def install_line(name: str) -> str:
    """What installs an optional package, in the versions that smalti's own metadata asks for: "pip install
    'sacrebleu>=2.5'"; any version where smalti runs from its source folder.

    Args:
        name: of the distribution, as in the metadata: "huggingface-hub".
    """
    from importlib.metadata import PackageNotFoundError, requires  # loaded by the few who need it

    try:
        wanted = [line.partition(";")[0].strip() for line in requires("smalti") or ()]
    except PackageNotFoundError:
        wanted = []
    return f"pip install '{next((line for line in wanted if line.startswith(name)), name)}'"


class SmaltiError(Exception):
    """A refusal with its way out.

    Args:
        what: what is wrong, in a few words, with the value ("img_size 225 is not a multiple of patch_size 16").
        where: the file, option or field it is about.
        why: the cause, where it is not plain from `what`.
        mend: what to do about it.
    """

    exit: ClassVar[int] = 2

    def __init__(self, what: str, *, where: object = "", why: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.why, self.mend = what, printable(where), why, mend

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        line += f" ({self.why})" if self.why else ""
        line += f"; {self.mend}" if self.mend else ""
        return printable(line, limit=2000)

    @property
    def cause(self) -> str:
        """What is wrong, and why, without where."""
        return f"{self.what} ({self.why})" if self.why else self.what

    def as_dict(self) -> dict[str, str | int]:
        """The stable shape of an error in `--json` output."""
        return {"what": self.what, "where": self.where, "why": self.why, "mend": self.mend, "exit": self.exit}


class InputError(SmaltiError, ValueError):
    """Bad input or usage: exit code 2."""

    exit = 2


class DamagedError(SmaltiError):
    """A model file, checkpoint or run folder that is not what it claims to be: exit code 3."""

    exit = 3


class DivergedError(SmaltiError):
    """Training left the finite numbers: exit code 4."""

    exit = 4


class StorageError(SmaltiError):
    """The disk or another device failed or is full: exit code 74."""

    exit = 74


class Interrupted(SmaltiError):  # noqa: N818 - not a fault
    """Stopped by a person or the system, everything saved: exit code 75; `mend` is the resume command."""

    exit = 75
