"""Data that comes with the installation: scikit-learn's digits (Alpaydin and Kaynak 1998), 1,797 of 8 x 8 pixels."""

from typing import Any

import numpy as np

from smalti.data.formats.arrays import array_source
from smalti.data.source import UNASSIGNED, Source, Task

__all__ = ["digits"]


def digits(task: Task | None = None) -> Source:
    """Handwritten 0 to 9, grey; no split is given. Levels 0 to 16 become uint8, round(v / 16 * 255), here and once."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    pictures = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return array_source(
        "digits", {UNASSIGNED: (pictures, bunch.target)}, task, [str(name) for name in bunch.target_names]
    )
