"""How fast this machine trains a model: measured on a few steps, since no table knows every laptop."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from smalti.data.preprocess import Preprocess
from smalti.data.randomness import permutation
from smalti.data.source import Source
from smalti.nn._allocator import keep_blocks
from smalti.nn.inference import for_inference
from smalti.nn.lora import merge_lora
from smalti.nn.precision import Precision
from smalti.objectives import Classify
from smalti.train.loop import LoopConfig, train_step
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.state import TrainState

__all__ = ["UNTIMED", "Pace", "fastest", "measure_pace", "reading_seconds"]

ROUNDS, ENOUGH = 3, 1.0  # calls that are timed, and the seconds after which nothing else is
READ = 512  # pictures that are read to see how long it takes; of few, the first one's warming up would be the most


@dataclass(frozen=True)
class Pace:
    """Pictures a second in training and in evaluation."""

    train: float
    evaluate: float


UNTIMED = Pace(math.inf, math.inf)
"""The pace of a run that no clock ends: it is not measured, which for a large model would take minutes."""


def measure_pace(
    model: nn.Module, *, batch_size: int, optim: OptimConfig, precision: Precision, accumulate: int = 1
) -> Pace:
    """Times a few training steps and forward passes of `model` on blank pictures; the best of each. About a second on a
    CPU for a small model, two steps for a large one.

    The model is trained by it, so hand in one that is not needed any more. It takes no more memory than the run, whose
    steps are taken in `accumulate` parts.
    """
    keep_blocks()
    state = TrainState(model, build_optimizers(model, optim))
    config = LoopConfig(batch_size=batch_size, precision=precision, accumulate=accumulate)
    about: Any = model.config
    image = torch.zeros(batch_size, about.in_chans, *about.size, device=state.device)
    batch = {"image": image, "target": torch.zeros(batch_size, dtype=torch.long, device=state.device)}
    train = fastest(lambda: train_step(state, batch, Classify(), config, 1.0), state.device)
    merge_lora(model)
    image = image[: math.ceil(batch_size / accumulate)]
    answering = for_inference(model, image)
    with torch.inference_mode():
        evaluate = fastest(lambda: answering(image), state.device)
    return Pace(batch_size / train, len(image) / evaluate)


def reading_seconds(source: Source, indices: NDArray[np.int64], preprocess: Preprocess, workers: int) -> float:
    """Seconds from one picture to the next where so many threads read them: measured on some of `indices`, in about a
    second where they are slow."""
    some, threads = indices[permutation(0, 0, len(indices))[:READ]], max(1, workers)
    start = time.perf_counter()

    def read(mine: NDArray[np.int64]) -> int:
        """How many were read in time."""
        for number, index in enumerate(mine, 1):
            preprocess.load(source.read(int(index)))
            if time.perf_counter() - start > ENOUGH:
                return number
        return len(mine)

    with ThreadPoolExecutor(threads) as pool:  # one task a thread: a task a picture costs more than a small picture
        number = sum(pool.map(read, [some[thread::threads] for thread in range(threads)]))
    return (time.perf_counter() - start) / number


def fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of a few calls, of a single one where they are slow; after one that does not count."""
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) <= ROUNDS and sum(seconds) < ENOUGH):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
