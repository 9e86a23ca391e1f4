"""How a problem names the samples that have it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smalti.data.source import Problem, Source

__all__ = ["OTHERS", "names_of", "several"]

OTHERS = 20  # files named in one problem, beside the first


def names_of(source: Source, positions: NDArray[np.int64]) -> list[str]:
    """Those of the samples at `positions`."""
    return [source.names[i] for i in map(int, positions)]


def several(kind: str, names: Sequence[str], cause: str, mend: str, *, fatal: bool = False) -> Problem:
    """One problem for all samples that have it."""
    more = f"; {len(names) - 1:,} more like it" if len(names) > 1 else ""
    return Problem(kind, names[0], cause + more, mend, fatal, len(names), tuple(names[1 : OTHERS + 1]))
