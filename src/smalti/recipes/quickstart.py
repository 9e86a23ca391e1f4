"""The whole main job on data that comes with the installation: scikit-learn's handwritten digits."""

import os

from smalti.recipes.run import TrainResult, train

__all__ = ["quickstart"]


def quickstart(out: str | os.PathLike[str] | None = None, *, seed: int = 0, show: bool = True) -> TrainResult:
    """Trains a mini ViT on 1,797 pictures of digits, 8 x 8 pixels, and judges it on the tenth it has not seen.

    Args:
        out: the run folder to make; else a free name below `runs`.
        seed: of weights, order, augmentation and noise, and of the split.
        show: whether to show progress on stderr.
    """
    return train("digits", out=out, epochs=60, seed=seed, show=show)
