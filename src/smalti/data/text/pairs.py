"""Pairs of texts, a source and the target to make of it: translations, answers, spellings."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from smalti.data.batches import Batch
from smalti.data.formats.columns import Columns
from smalti.data.source import Source, digest
from smalti.data.text.rows import Known, RowBatches, encode_row, padded
from smalti.data.text.table import Texts, read_table, texts_of
from smalti.errors import InputError
from smalti.tokenizers import Tokenizer

__all__ = ["PairSource", "Pairs", "open_pairs"]


@dataclass(frozen=True)
class PairSource:
    """N pairs.

    Args:
        sources: the source sides as a data set of one class. `split_texts` of it is the split of the pairs: pairs of
            the same source stay together, or the test would ask what was learned by heart.
        targets: N texts.
    """

    sources: Source
    targets: Sequence[str]

    def __len__(self) -> int:
        return len(self.targets)

    def fingerprint(self) -> str:
        """A digest that changes when a source, a target, a split or a group does."""
        return digest((self.sources.fingerprint, *self.targets))


def open_pairs(path: str | os.PathLike[str], *, columns: Columns | None = None) -> PairSource:
    """The pairs of a CSV, TSV or JSONL file with columns source and target, and split if wanted.

    Args:
        path: to the table.
        columns: what columns of other names mean: {"source": "en", "target": "de"}.

    Raises:
        InputError: a column or a text is missing; it names file and line.
    """
    table = read_table(path, ("source", "target"), columns)
    classes = np.zeros(len(table.names), np.int64)
    storage = Texts(table.columns["source"])
    sources = Source(table.name, "classify", ("pair",), table.names, classes, table.splits, storage, table.groups)
    return PairSource(sources, table.columns["target"])


class Pairs(RowBatches):
    """Batches of some pairs, padded with -1.

    A batch is a dict of int64: "source" (B, M); "tokens" (B, N), the start and then the target, which the model is
    shown; "target" (B, N), the target and then the end, which it is to say; "id" (B,), positions among the pairs.

    Args:
        pairs: the source and target texts.
        indices: (n,) positions of the pairs to use.
        tokenizer: of both sides, with the special ids start and end.
        batch_size: pairs.
        seed: of the order.
        shuffle: another order every epoch, as in `RowBatches`.
        max_len: the longest source, and the longest target with its start; None for any, `longest` says what it is.
        known: texts that were encoded before, with their ids; those of these pairs are put there.
        device: where batches are wanted.

    Raises:
        InputError: there are no pairs, one is too long, or a character is unknown; it names the line.
    """

    def __init__(
        self,
        pairs: PairSource,
        indices: NDArray[np.int64] | Sequence[int],
        tokenizer: Tokenizer,
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = False,
        max_len: int | None = None,
        known: Known | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.pairs, self.tokenizer, self.indices = pairs, tokenizer, np.asarray(indices, np.int64)
        if not len(self.indices):
            raise InputError("there are no pairs to make batches of", where=pairs.sources.name)
        self.start, self.end = [tokenizer.special("start")], [tokenizer.special("end")]
        texts, known = texts_of(pairs.sources), {} if known is None else known
        self.sources, self.targets, self.longest = [], [], 0
        for i in map(int, self.indices):
            both = (texts[i], pairs.targets[i])
            source, target = (encode_row(tokenizer, text, pairs.sources, i, known) for text in both)
            length = max(len(source), len(target) + 1)
            if max_len is not None and length > max_len:
                where = f"{pairs.sources.name}, {pairs.sources.names[i]}"
                mend = f"shorten the text, or train with --set tokens.max_len={length}"
                raise InputError(f"{length} tokens are more than max_len {max_len}", where=where, mend=mend)
            self.longest = max(self.longest, length)
            self.sources.append(source)
            self.targets.append(target)
        lengths = [len(source) + len(target) for source, target in zip(self.sources, self.targets, strict=True)]
        super().__init__(lengths, batch_size=batch_size, seed=seed, shuffle=shuffle, device=device)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """The batch of these rows."""
        return {
            "source": padded([self.sources[i] for i in rows]),
            "tokens": padded([np.concatenate([self.start, self.targets[i]]) for i in rows]),
            "target": padded([np.concatenate([self.targets[i], self.end]) for i in rows]),
            "id": torch.from_numpy(self.indices[rows]),
        }
