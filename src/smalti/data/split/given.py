"""The splits that the data gives, without leaks between them."""

import numpy as np
from numpy.typing import NDArray

from smalti.data.facts import Contents
from smalti.data.source import SPLITS, TEST, TRAIN, UNASSIGNED, VAL, Source

__all__ = ["as_given", "roles"]


def roles(source: Source, contents: Contents) -> NDArray[np.int8]:
    """(N,) positions in SPLITS as the data gives them, UNASSIGNED for unreadable samples.

    All are UNASSIGNED where the data gives neither val nor test; else samples it says nothing about are train.
    """
    part = np.where(contents.readable, source.splits, UNASSIGNED).astype(np.int8)
    if not (part > TRAIN).any():
        return np.full_like(part, UNASSIGNED)
    part[contents.readable & (part == UNASSIGNED)] = TRAIN
    return part


def as_given(
    source: Source, contents: Contents, part: NDArray[np.int8]
) -> tuple[NDArray[np.int8], NDArray[np.int64], str]:
    """The given `part` with a test split and without leaks, what was left out for that, and the reason."""
    names = [name for place, name in enumerate(SPLITS) if (part == place).any()]
    reason = f"{', '.join(names)} as the data gives {'it' if len(names) == 1 else 'them'}"
    if "test" not in names:
        part = np.where(part == VAL, np.int8(TEST), part)
        reason = (
            "the data gives no test split: its val is the test, so that no figure is measured on what chose the model"
        )
    kept = part.copy()
    for lesser, greater in ((TRAIN, (TEST,)), (VAL, (TRAIN, TEST))):
        for ids in (contents.contents, source.groups):
            if ids is not None:
                kept[(kept == lesser) & np.isin(ids, ids[np.isin(kept, greater)])] = UNASSIGNED
    return kept, np.flatnonzero(kept != part), reason
