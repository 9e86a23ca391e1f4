"""Rows of a table and their split: what labelled texts and pairs have in common."""

from dataclasses import dataclass

from smalti.data.source import SPLITS, Source
from smalti.data.split import Split
from smalti.objectives import Batch
from smalti.tokenizers import Tokenizer

__all__ = ["Divided"]


@dataclass(frozen=True)
class Divided:
    """Texts of which some train, some choose and some judge.

    Args:
        source: the texts, or the source sides of pairs.
        parts: which do what.
        tokenizer: gives the ids.
    """

    source: Source
    parts: Split
    tokenizer: Tokenizer

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
        """Why it is split so."""
        return self.parts.reason

    def describe(self, batch: Batch) -> str:
        """The lines."""
        return ", ".join(str(self.source.names[i]) for i in batch["id"].tolist()[:4])
