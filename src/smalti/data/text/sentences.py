"""Texts with a class each: reviews, messages, titles."""

import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from smalti.data.batches import Batch
from smalti.data.formats.columns import Columns, demand_no_columns
from smalti.data.formats.labels import class_targets
from smalti.data.source import UNASSIGNED, Source
from smalti.data.text.folders import open_class_folders
from smalti.data.text.rows import Known, RowBatches, encode_row, padded
from smalti.data.text.table import Texts, read_table, texts_of
from smalti.errors import InputError, few
from smalti.tokenizers import Tokenizer, enclosed

__all__ = ["Sentences", "open_sentences", "require_classes"]


def open_sentences(path: str | os.PathLike[str], *, raw: bool = False, columns: Columns | None = None) -> Source:
    """The texts of a CSV, TSV or JSONL file with columns text and label (or class, or category), and split if wanted;
    of a folder as `open_class_folders`. Labels are in order as those of pictures. `split_texts` divides it.

    Args:
        path: to a table or a folder.
        raw: every byte of the files of a folder as it is, as in `read_text`.
        columns: what columns of other names mean: {"text": "review", "label": "sentiment"}.

    Raises:
        InputError: a column, a text or a label is missing, or a class is only outside of train; it names the file.
    """
    if os.path.isdir(path):
        demand_no_columns(columns, path)
        return open_class_folders(path, raw=raw)
    table = read_table(path, ("text", "label"), columns)
    names = [label.strip() for label in table.columns["label"]]
    labels, targets = class_targets(names, table.splits, table.name)
    storage = Texts(table.columns["text"])
    return Source(table.name, "classify", labels, table.names, targets, table.splits, storage, table.groups)


class Sentences(RowBatches):
    """Batches of some texts, padded with -1.

    A batch is a dict of int64: "tokens" (B, N); "target" (B,), positions in the labels; "id" (B,), positions in the
    source.

    Args:
        source: of `open_sentences`.
        indices: (n,) positions of the texts to use.
        tokenizer: gives the ids.
        batch_size: texts.
        max_len: tokens that are read, start and end among them, where the tokenizer has these; what follows of a
            text is left out, `cut` says in how many. None for all.
        known: texts that were encoded before, with their ids; those of these texts are put there.
        seed: of the order.
        shuffle: another order every epoch, as in `RowBatches`.
        device: where batches are wanted.

    Raises:
        InputError: there are no texts, or a character is unknown; it names the line.
    """

    def __init__(
        self,
        source: Source,
        indices: NDArray[np.int64] | Sequence[int],
        tokenizer: Tokenizer,
        *,
        batch_size: int,
        max_len: int | None,
        known: Known | None = None,
        seed: int = 0,
        shuffle: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        self.indices, self.tokenizer, self.max_len = np.asarray(indices, np.int64), tokenizer, max_len
        if not len(self.indices):
            raise InputError("there are no texts to make batches of", where=source.name)
        texts, known = texts_of(source), {} if known is None else known
        self.ids = [encode_row(tokenizer, texts[i], source, i, known) for i in map(int, self.indices)]
        self.targets = np.asarray(source.targets, np.int64)[self.indices]
        around = len(enclosed(tokenizer, self.ids[0][:0]))  # start and end, where it has these
        whole = np.array([len(ids) + around for ids in self.ids])
        lengths = whole if max_len is None else np.minimum(whole, max_len)
        self.cut = int((lengths < whole).sum())
        super().__init__(lengths, batch_size=batch_size, seed=seed, shuffle=shuffle, device=device)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """The batch of these rows."""
        return {
            "tokens": padded([enclosed(self.tokenizer, self.ids[i], self.max_len) for i in rows]),
            "target": torch.from_numpy(self.targets[rows]),
            "id": torch.from_numpy(self.indices[rows]),
        }


def require_classes(source: Source) -> None:
    """Raises InputError where labelled texts leave nothing to tell apart, or nothing to test on."""
    if len(source.labels) < 2:
        what = f"there is only one class to learn, {few(source.labels)!r}"
        raise InputError(what, where=source.name, mend="add texts of at least one other class")
    if (source.splits == UNASSIGNED).all() and np.bincount(source.targets).max() < 2:
        what = f"no class has two texts, so none is left to test on: {few(source.labels)}"
        raise InputError(
            what, where=source.name, mend="name the column of classes with --column label=NAME, or add texts"
        )
