"""Rows of a table and their split: what labelled texts and pairs have in common."""

from dataclasses import dataclass, field, replace
from typing import Self

from smalti.data.source import SPLITS, Source
from smalti.data.split import Split
from smalti.data.text.rows import Known
from smalti.objectives import Batch
from smalti.recipes.remarks import says_splits
from smalti.tokenizers import Tokenizer

__all__ = ["Divided"]

REHEARSED = 64  # rows that are judged to see how long it takes


@dataclass(frozen=True)
class Divided:
    """Texts of which some train, some choose and some judge.

    Args:
        source: the texts, or the source sides of pairs.
        parts: which of them train, choose (val) and judge (test).
        tokenizer: gives the ids.
        known: ids of the texts that were asked for: a run asks several times.
    """

    source: Source
    parts: Split
    tokenizer: Tokenizer
    known: Known = field(default_factory=dict, repr=False, compare=False, kw_only=True)

    @property
    def name(self) -> str:
        """What the person called the data."""
        return self.source.name

    @property
    def sizes(self) -> dict[str, int]:
        """Rows a split."""
        return {split: len(getattr(self.parts, split)) for split in SPLITS}

    @property
    def reason(self) -> str:
        """Why it is split so, and what was left out."""
        return "; ".join((self.parts.reason, *self.source.notes))

    @property
    def is_given(self) -> bool:
        """Whether the data says what chooses or judges."""
        return says_splits(self.source)

    def rehearsal(self, split: str, model: object) -> Self:
        """The same with a few rows in a split."""
        return replace(self, parts=replace(self.parts, **{split: getattr(self.parts, split)[:REHEARSED]}))

    def describe(self, batch: Batch) -> str:
        """The lines."""
        return ", ".join(str(self.source.names[i]) for i in batch["id"].tolist()[:4])
