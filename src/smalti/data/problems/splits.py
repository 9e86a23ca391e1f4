"""The splits that the data gives, and what is wrong where one is missing."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smalti.data.facts import Facts
from smalti.data.source import SPLITS, TRAIN, UNASSIGNED, Problem, Source
from smalti.data.split import roles

__all__ = ["LEARNED", "given", "missing_splits"]

LEARNED = (TRAIN, UNASSIGNED)  # what will be learned from


def given(source: Source, facts: Facts) -> NDArray[np.int64]:
    """(N,) the split that the data gives each sample, UNASSIGNED where none; one past the last if it is unreadable."""
    places = roles(source, facts)
    if (places == UNASSIGNED).all() and (source.splits == TRAIN).any():
        places = np.full_like(places, TRAIN)
    return np.where(facts.readable, places, len(SPLITS)).astype(np.int64)


def missing_splits(places: NDArray[np.int64]) -> Iterator[Problem]:
    """Nothing to train on, or no test beside a val."""
    there = [name for place, name in enumerate(SPLITS) if (places == place).any()]
    if not np.isin(places, LEARNED).any():
        cause = f"there is only {' and '.join(there)}, nothing to train on" if there else "no picture can be read"
        yield Problem("missing_split", "", cause, "add pictures to train", fatal=True)
    elif there == ["train", "val"]:
        cause = "there is val but no test, so val serves as the test and a new val is taken from train"
        yield Problem("missing_split", "", cause, "add a test split to have it otherwise")
