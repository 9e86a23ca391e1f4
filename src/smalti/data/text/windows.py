"""Windows of a running text as batches: a model sees N tokens and predicts each one's successor.

Nothing is read while training and no worker is needed: a batch is one gather of the ids.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.data.batches import Batch
from smalti.data.randomness import permutation, uniforms
from smalti.errors import InputError, counted

__all__ = ["AllWindows", "Windows", "compact", "laid_out", "window_pairs"]


class Windows:
    """Windows that do not overlap, in an order and with a phase that are functions of (seed, epoch): the phase moves
    all windows, so that every epoch cuts the text elsewhere.

    A batch is a dict: "tokens" (B, N) int64; "target" (B, N) int64, their successors; "id" (B,) int64, the position of
    the first token.

    Args:
        ids: (T,) the text.
        max_len: N, tokens a window.
        batch_size: B, windows; an epoch leaves out what does not fill a batch, unless it is the only one.
        seed: of order and phase.
        device: where batches are wanted; the text is kept there.

    Raises:
        InputError: the text is shorter than one window and the token behind it.
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
        self.count, self.slack = laid_out(len(ids), max_len)
        self.ids = compact(ids).to(device)

    def __len__(self) -> int:
        """Batches an epoch."""
        return max(1, self.count // self.batch_size)

    def starts(self, epoch: int) -> NDArray[np.int64]:
        """The position of the first token of each window, in the order of the epoch."""
        return phase(self.seed, epoch, self.slack) + self.max_len * permutation(self.seed, epoch, self.count)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on."""
        starts = torch.from_numpy(self.starts(epoch)).to(self.ids.device)
        for first in starts.split(self.batch_size)[start : len(self)]:
            tokens, target = window_pairs(self.ids, first, self.max_len)
            yield {"tokens": tokens, "target": target, "id": first}


class AllWindows:
    """Every token of a text but the first as a target, once, in order: batches as those of `Windows`, for evaluation.

    Windows begin where the last one ended, so a token has between 1 and N tokens before it, N / 2 on average. With an
    overlap, each repeats the last tokens of the one before as context alone, with targets of -1, and every token but
    those at the very beginning has at least that many before it; it costs N / (N - overlap) times as much. The last
    window is filled up with -1.

    Args:
        ids: (T,) the text, two tokens or more.
        max_len: N, tokens a window.
        batch_size: B, windows.
        overlap: tokens, below N.
    """

    def __init__(self, ids: NDArray[np.integer], *, max_len: int, batch_size: int = 64, overlap: int = 0) -> None:
        if len(ids) < 2:
            raise InputError(f"{counted(len(ids), 'token')} leave nothing to predict", mend="give a longer text")
        if not 0 <= overlap < max_len:
            raise InputError(f"overlap {overlap} is not in [0, {max_len})", mend="give fewer tokens than a window has")
        self.ids, self.max_len, self.batch_size, self.overlap = compact(ids), max_len, batch_size, overlap

    def __len__(self) -> int:
        """Batches."""
        return math.ceil(len(self._starts) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for first in self._starts.split(self.batch_size):
            tokens, target = window_pairs(self.ids, first, self.max_len)
            context = (first > 0)[:, None] & (torch.arange(self.max_len) < self.overlap)
            yield {"tokens": tokens, "target": target.masked_fill(context, -1), "id": first}

    @property
    def context(self) -> str:
        """What a token has before it, in words."""
        if self.overlap:
            return f"{self.overlap} to {self.max_len} tokens of context"
        return f"1 to {self.max_len} tokens of context, {(self.max_len + 1) / 2:g} on average"

    @property
    def _starts(self) -> Tensor:
        last = max(1, len(self.ids) - 1 - self.overlap)
        return torch.arange(0, last, self.max_len - self.overlap)


def laid_out(tokens: int, max_len: int, streams: int = 1) -> tuple[int, int]:
    """How many windows of `max_len` go into each of some streams of a text with room to move, and how far they may
    move: (count, slack).

    Raises InputError where not even one does.
    """
    length = (tokens - 1) // streams
    if max_len < 1 or length < max_len:
        what = f"windows of {max_len}" if streams == 1 else f"{streams} streams with windows of {max_len}"
        raise InputError(
            f"{counted(tokens, 'token')} are too few for {what}",
            mend=f"give {streams * max_len + 1} or more, or a smaller max_len or batch",
        )
    count = max(1, length // max_len - 1)
    return count, length - count * max_len


def phase(seed: int, epoch: int, slack: int) -> int:
    """A position in [0, slack] for each epoch."""
    u = uniforms(seed, epoch, np.zeros(1, np.int64), 1, purpose="phase")
    return math.floor(float(u) * (slack + 1))


def compact(ids: NDArray[np.integer]) -> Tensor:
    """(T,) ids in a byte each, where they are given so, else in 4."""
    return torch.from_numpy(ids if ids.dtype == np.uint8 else ids.astype(np.int32))


def window_pairs(ids: Tensor, starts: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """(T,) ids and (B,) positions to tokens and targets, (B, N) int64 each; -1 behind the end of the text."""
    places = starts[:, None] + torch.arange(length + 1, device=ids.device)  # (B, N + 1)
    found = ids[places.clamp(max=len(ids) - 1)].long().masked_fill(places >= len(ids), -1)
    return found[:, :-1].contiguous(), found[:, 1:].contiguous()
