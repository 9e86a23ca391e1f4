"""The whole main job on data that comes with the installation: scikit-learn's handwritten digits."""

import os
from dataclasses import dataclass
from functools import partial

from smalti import data
from smalti.data.check import check
from smalti.data.split import split
from smalti.ready import Prediction, load
from smalti.recipes.run import TrainResult, train

__all__ = ["QuickstartResult", "quickstart"]


@dataclass(frozen=True)
class QuickstartResult(TrainResult):
    """A finished run, and what its model says of a few pictures it had not seen.

    Args:
        predictions: of the first test pictures; `file` names the true digit.
    """

    predictions: tuple[Prediction, ...]


def quickstart(
    out: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    show: bool = True,
    report: bool = True,
    command: str = "smalti.quickstart(...)",
) -> QuickstartResult:
    """Trains a mini ViT on 1,797 pictures of digits, 8 x 8 pixels, and judges it on the tenth it has not seen.

    Args:
        out: the run folder to make; else a free name below `runs`.
        seed: of weights, order, augmentation and noise, and of the split.
        show: whether to show progress on stderr.
        report: whether to write report.html.
        command: what the report says the run was begun with.
    """
    result = train("digits", out=out, epochs=20, seed=seed, show=show, report=report, command=command)
    source = data.open("digits")
    unseen = split(source, check(source).facts, seed=seed).test[:6].tolist()
    pictures = (
        (f"{source.names[i]}, a {source.labels[int(source.targets[i])]}", partial(source.read, i)) for i in unseen
    )
    predictions = tuple(load(result.model).answers(pictures))
    return QuickstartResult(**vars(result), predictions=predictions)
