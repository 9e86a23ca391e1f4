"""What is wanted of an import, and what it gives."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from smalti._version import __version__
from smalti.data.source import Task
from smalti.modelfile import ModelFile
from smalti.weights import Published

__all__ = ["Labels", "Translated", "Wanted", "provenance", "where_from"]

Labels = Iterable[str] | str | os.PathLike[str] | None  # names, or a text file of them


@dataclass(frozen=True)
class Wanted:
    """What a person says of weights; what is None follows from them and what lies beside them. The fields are the
    arguments of `import_weights`.
    """

    preset: str | None = None
    task: Task | None = None
    img_size: int | Sequence[int] | None = None
    in_chans: int | None = None
    labels: Labels = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None


@dataclass(frozen=True)
class Translated:
    """Published weights as one of our models.

    Args:
        model: what a model file holds.
        names: whose names the weights had.
        remarks: what was found or assumed, a line each.
    """

    model: ModelFile[Any]
    names: str
    remarks: tuple[str, ...]


def provenance(preset: str, module: nn.Module, weights: dict[str, str]) -> dict[str, Any]:
    """What made the model file: of which preset, with how many parameters, of which weights (`where_from`)."""
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return {"smalti": __version__, "preset": preset, "parameters": parameters, "weights": weights}


def where_from(published: Published) -> dict[str, str]:
    """What the weights were called, and the SHA-256 of their files in order."""
    return {"source": published.origin or published.path.name, "checksum": checksum_of(published.files)}


def checksum_of(files: Iterable[Path]) -> str:
    """SHA-256 of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with open(file, "rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
