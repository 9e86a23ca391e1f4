"""A running text as parallel streams, for models that carry a state from one window to the next (truncated
back-propagation through time, Williams and Peng 1990)."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.data.batches import Batch
from smalti.data.text.windows import compact, laid_out, phase, window_pairs
from smalti.errors import InputError, counted

__all__ = ["AllStreams", "Streams"]


class Streams:
    """B streams side by side: row b of a batch goes on where row b of the batch before ended.

    A batch is a dict as that of `Windows`, and "row" (B,) int64, the number of the stream; "fresh" (B,) bool, True
    where a stream begins, in the first batch of an epoch. Every epoch begins at another place, a function of (seed,
    epoch).

    Args:
        ids: (T,) the text.
        max_len: N, tokens through which gradients go back.
        batch_size: B, streams.
        seed: of the beginning.
        device: where batches are wanted; the text is kept there.

    Raises:
        InputError: the text is too short for so many streams.
    """

    def __init__(
        self,
        ids: NDArray[np.integer],
        *,
        max_len: int,
        batch_size: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.max_len, self.batch_size, self.seed = max_len, batch_size, seed
        self.length = (len(ids) - 1) // batch_size  # of a stream
        self.count, self.slack = laid_out(len(ids), max_len, batch_size)
        self.ids = compact(ids).to(device)

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.count

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on."""
        rows = torch.arange(self.batch_size, device=self.ids.device)
        first = phase(self.seed, epoch, self.slack) + rows * self.length
        for step in range(start, len(self)):
            yield _batch(self.ids, first + step * self.max_len, self.max_len, rows, fresh=step == 0)


class AllStreams:
    """Every token of a text but the first as a target, once: batches as those of `Streams`, for evaluation.

    Each token has all tokens of its stream before it. The last batch is narrower, and where the text does not fill
    the last stream it is filled up with -1.

    Args:
        ids: (T,) the text, two tokens or more.
        max_len: N, tokens a batch is wide.
        batch_size: B, streams, fewer in a text of fewer tokens.
    """

    def __init__(self, ids: NDArray[np.integer], *, max_len: int, batch_size: int = 64) -> None:
        if len(ids) < 2:
            raise InputError(f"{counted(len(ids), 'token')} leave nothing to predict", mend="give a longer text")
        self.ids, self.max_len = compact(ids), max_len
        self.length = math.ceil((len(ids) - 1) / batch_size)
        self.batch_size = math.ceil((len(ids) - 1) / self.length)

    @property
    def context(self) -> str:
        """What a token has before it, in words."""
        return f"all before it in one of {self.batch_size} parts of the text as context"

    def __len__(self) -> int:
        """Batches."""
        return math.ceil(self.length / self.max_len)

    def __iter__(self) -> Iterator[Batch]:
        rows = torch.arange(self.batch_size)
        for begin in range(0, self.length, self.max_len):
            width = min(self.max_len, self.length - begin)
            yield _batch(self.ids, rows * self.length + begin, width, rows, fresh=begin == 0)


def _batch(ids: Tensor, first: Tensor, length: int, rows: Tensor, *, fresh: bool) -> Batch:
    tokens, target = window_pairs(ids, first, length)
    flags = torch.full((len(rows),), fresh, device=ids.device)
    return {"tokens": tokens, "target": target, "id": first, "row": rows, "fresh": flags}
