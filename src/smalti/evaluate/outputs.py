"""What a model answers to a set of pictures, collected once; every figure of an evaluation is made from it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smalti.data.batches import Batch
from smalti.data.views import PLAIN, Views
from smalti.errors import InputError
from smalti.nn.precision import Precision, in_precision
from smalti.objectives import shown

__all__ = [
    "Average",
    "Outputs",
    "collect",
    "evaluating",
    "mean_raw",
    "mean_sigmoid",
    "mean_softmax",
    "sigmoid",
    "softmax",
]

Average = Callable[[Tensor], Tensor]  # raw answers (V, B, K) of V views to one (B, K)


@dataclass(frozen=True)
class Outputs:
    """A model's answers to N samples, in the order of the batches.

    Args:
        logits: (N, K) float32, before softmax or sigmoid; for regression the predictions (N, T).
        targets: (N,) int64 classes, or (N, K) float32.
        ids: (N,) int64 positions in the source.
    """

    logits: NDArray[np.float32]
    targets: NDArray[np.generic]
    ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


def mean_softmax(logits: Tensor) -> Tensor:
    """(V, B, K) to (B, K): the mean of the views' class probabilities, as logits whose softmax it is."""
    return torch.logsumexp(logits.log_softmax(-1), dim=0) - float(np.log(len(logits)))


def mean_sigmoid(logits: Tensor) -> Tensor:
    """(V, B, K) to (B, K): the mean of the views' label probabilities, as logits whose sigmoid it is."""
    yes = torch.logsumexp(nn.functional.logsigmoid(logits), dim=0)
    no = torch.logsumexp(nn.functional.logsigmoid(-logits), dim=0)
    return yes - no


def mean_raw(values: Tensor) -> Tensor:
    """(V, B, T) to (B, T): the mean of the views' predictions."""
    return values.mean(0)


def collect(
    module: nn.Module,
    batches: Iterable[Batch],
    *,
    views: Views = PLAIN,
    average: Average = mean_softmax,
    precision: Precision = "fp32",
) -> Outputs:
    """Runs `module` over `batches` without gradients, in evaluation mode; the mode it was in comes back.

    Args:
        module: images (B, C, H, W), or tokens (B, N), to answers (B, K); stays on the device it is on.
        batches: dicts of "image" (B, C, H, W) or "tokens" (B, N), "target" and "id" (B,).
        views: what is shown of each picture. With one view the answers are the module's own logits; with several,
            `average` makes one of them. It is probabilities that are averaged, not logits: a view that is sure then
            weighs no more than its share.
        average: `mean_softmax` for one-of-K, `mean_sigmoid` for any-of-K, `mean_raw` for quantities.
        precision: to compute in.

    Raises:
        InputError: there are no batches.
    """
    place = device_of(module)
    logits, targets, ids = [], [], []
    with evaluating(module):
        answer = in_precision(module, precision)
        for batch in batches:
            inputs = shown(batch).to(place, non_blocking=True)
            answers = torch.stack([answer(view).float() for view in views(inputs)])  # (V, B, K)
            logits.append((answers[0] if len(views) == 1 else average(answers)).cpu())
            targets.append(batch["target"].cpu())
            ids.append(batch["id"].cpu())
    if not ids:
        raise InputError("there are no samples to evaluate", mend="give a split that has pictures")
    return Outputs(torch.cat(logits).numpy(), torch.cat(targets).numpy(), torch.cat(ids).numpy())


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every part is in the mode it was in, frozen ones included."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def device_of(module: nn.Module) -> torch.device:
    """Where the first parameter or buffer lies; the CPU for a module without any."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, K) logits to probabilities that sum to 1."""
    return torch.from_numpy(np.asarray(logits, np.float64)).softmax(-1).numpy()


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logits of any shape to probabilities in [0, 1]."""
    return torch.from_numpy(np.asarray(logits, np.float64)).sigmoid().numpy()
