"""May these pictures be mirrored? Asked of the data: a cheap classifier learns some pictures, once as they are and
once with their mirror images added, and is judged on others. Where the mirror images do harm, left and right mean
something: in digits, letters and traffic signs, not in most photographs."""

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from smalti.data.pictures import Pictures
from smalti.data.preprocess import Preprocess
from smalti.data.randomness import permutation
from smalti.data.source import Source

__all__ = ["MirrorTest", "mirror_test"]

SAMPLES = 2000  # enough to tell a loss of 2 % from chance; small ones are read in about a second
SIDE = 16
FOLDS = 4
AT_ONCE = 32  # pictures that a thread reads before the clock is looked at


@dataclass(frozen=True)
class MirrorTest:
    """What the cheap classifier gets right of pictures it has not seen.

    Args:
        n: pictures judged.
        plain: share it gets right after learning pictures as they are.
        lost: pictures it gets wrong only after learning the mirror images too.
        gained: pictures it gets right only after that.
    """

    n: int
    plain: float
    lost: int
    gained: int

    @property
    def harms(self) -> bool:
        """Whether mirror images cost more than 1 % and more than chance explains (McNemar's test at three
        deviations).
        """
        net = self.lost - self.gained
        return net > 0.01 * self.n and net > 3 * math.sqrt(self.lost + self.gained)

    def __str__(self) -> str:
        after = self.plain + (self.gained - self.lost) / self.n
        right = f"a simple classifier gets {self.plain:.1%} of {self.n} pictures right"
        return f"{right}, {after:.1%} after learning mirrored ones"


def mirror_test(
    source: Source, train: NDArray[np.int64], preprocess: Preprocess, *, seconds: float = math.inf
) -> MirrorTest:
    """Judges mirroring on up to 2,000 training pictures of a single-label source, on fewer where reading them takes
    longer than `seconds`; otherwise a pure function of the data."""
    chosen = train[permutation(0, 0, len(train))[:SAMPLES]]
    pictures, read, began = Pictures(source, preprocess.with_size((SIDE, SIDE))), 0, time.monotonic()
    at_once = AT_ONCE * max(1, pictures.workers)
    while read < len(chosen) and (not read or time.monotonic() - began < seconds):
        pictures.load(chosen[read : read + at_once])
        read += at_once
    chosen = np.sort(chosen[:read])
    (pixels,) = pictures.stream([chosen])
    x, mirrored = features(pixels.float()), features(pixels.float().flip(-1))
    labels = torch.from_numpy(source.targets[chosen].astype(np.int64))
    y = F.one_hot(labels, len(source.labels)).float()
    folds = torch.from_numpy(permutation(1, 0, len(chosen)) % FOLDS)
    parts = [folds == fold for fold in range(FOLDS)]
    as_is, flipped = ([products(seen[part], y[part]) for part in parts] for seen in (x, mirrored))
    plain, both = torch.zeros(2, len(chosen), dtype=torch.bool)
    for fold, judge in enumerate(parts):
        learned = without(fold, as_is)
        with_mirrors = learned + without(fold, flipped)
        plain[judge] = (x[judge] @ ridge(learned)).argmax(1) == labels[judge]
        both[judge] = (x[judge] @ ridge(with_mirrors)).argmax(1) == labels[judge]
    return MirrorTest(len(chosen), float(plain.double().mean()), int((plain & ~both).sum()), int((both & ~plain).sum()))


def features(pictures: Tensor) -> Tensor:
    """uint8-valued (N, C, S, S) as centred rows of unit length, through fixed random ReLU features, so that the
    classifier can bend.
    """
    flat = pictures.flatten(1)
    flat = F.normalize(flat - flat.mean(1, keepdim=True))
    directions = torch.randn(flat.shape[1], 1024, generator=torch.Generator().manual_seed(0))
    return torch.cat([F.relu(flat @ directions), torch.ones(len(flat), 1)], dim=1)


def products(x: Tensor, y: Tensor) -> Tensor:
    """All that least squares need of features (N, D) and answers (N, K): (D, D + K), a sum over pictures."""
    return x.T @ torch.cat([x, y], dim=1)


def without(fold: int, parts: list[Tensor]) -> Tensor:
    """The sum of all parts but one."""
    return sum(parts[:fold] + parts[fold + 1 :], torch.zeros(()))


def ridge(products: Tensor) -> Tensor:
    """Weights (D, K) of least squares with a penalty as strong as the mean feature."""
    gram, right = products[:, : len(products)].clone(), products[:, len(products) :]
    gram.diagonal().add_(gram.diagonal().mean())
    return torch.cholesky_solve(right, torch.linalg.cholesky(gram))
