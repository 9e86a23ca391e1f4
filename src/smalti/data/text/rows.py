"""Rows of different length as batches: padded with -1, and ordered so that little is."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, MutableMapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from smalti.data.batches import Batch
from smalti.data.randomness import hash_key, permutation
from smalti.data.source import Source
from smalti.errors import InputError
from smalti.tokenizers import Tokenizer

__all__ = ["Known", "RowBatches", "bucketed", "encode_of", "encode_row", "padded"]

Known = MutableMapping[str, NDArray[np.unsignedinteger]]  # texts that were encoded before, and their ids

_POOL = 50  # batches whose rows are sorted together: enough for little padding, few enough for other batches each epoch


class RowBatches(ABC):
    """Batches of n rows, each of rows of similar length.

    Args:
        lengths: (n,) tokens of each row.
        batch_size: rows.
        seed: of the order.
        shuffle: another order every epoch, leaving out a last batch that is not full; False for every row once, from
            short to long.
        device: where batches are wanted.
    """

    def __init__(
        self, lengths: ArrayLike, *, batch_size: int, seed: int, shuffle: bool, device: torch.device | str
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size {batch_size} is not 1 or more")
        self.lengths = np.asarray(lengths, np.int64)
        self.batch_size, self.seed, self.shuffle, self.device = batch_size, seed, shuffle, torch.device(device)

    @abstractmethod
    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """The batch of these rows, on the CPU."""

    def __len__(self) -> int:
        """Batches an epoch."""
        n = len(self.lengths)
        return max(1, n // self.batch_size) if self.shuffle else math.ceil(n / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on."""
        for rows in self.order(epoch)[start:]:
            yield {name: tensor.to(self.device) for name, tensor in self.batch(rows).items()}

    def order(self, epoch: int) -> list[NDArray[np.int64]]:
        """The rows, batch by batch."""
        if self.shuffle:
            return bucketed(self.lengths, self.batch_size, self.seed, epoch)
        order = np.argsort(self.lengths, kind="stable")
        return [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]


def bucketed(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """n rows in batches of rows of similar length, in an order that is a function of (seed, epoch).

    n // batch_size batches, at least one: the few rows left over are others in every epoch.
    """
    count = max(1, len(lengths) // batch_size)
    order = permutation(seed, epoch, len(lengths))[: count * batch_size]
    batches = []
    for start in range(0, len(order), _POOL * batch_size):
        pool = order[start : start + _POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in permutation(hash_key(seed, "batches"), epoch, len(batches))]


def padded(rows: Sequence[NDArray[np.integer]]) -> Tensor:
    """B rows of ids to (B, N) int64, N that of the longest; -1 behind the shorter ones."""
    ids = np.full((len(rows), max(map(len, rows))), -1)
    for row, values in zip(ids, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(ids)


def encode_row(
    tokenizer: Tokenizer, text: str, source: Source, index: int, known: Known
) -> NDArray[np.unsignedinteger]:
    """The ids of a text of row `index`, from now on among those that are `known`. Raises InputError as `encode_of`."""
    if text not in known:
        known[text] = encode_of(tokenizer, text, f"{source.name}, {source.names[index]}")
    return known[text]


def encode_of(tokenizer: Tokenizer, text: str, where: str) -> NDArray[np.unsignedinteger]:
    """The ids (N,) of a text, in as few bytes as the vocabulary leaves them: one, for characters. Raises InputError as
    the tokenizer does, saying where the text stands."""
    try:
        return tokenizer.encode(text).astype(np.min_scalar_type(tokenizer.vocab_size - 1))
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, mend=error.mend) from error
