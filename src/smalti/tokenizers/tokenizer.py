"""What every tokenizer has in common. A negative id is padding, everywhere; no vocabulary has a slot for it."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from smalti.configs import suggest
from smalti.errors import InputError, printable

__all__ = ["Ids", "Special", "Tokenizer", "Unit", "enclosed", "encode_marked", "has_no_repeats"]

Unit = Literal["character", "byte", "piece"]
Special = Literal["mask", "start", "end"]
Ids = NDArray[np.integer] | Sequence[int]


class Tokenizer(ABC):
    """Text to ids in [0, vocab_size) and back. Ordinary ids come first, special ones behind them.

    Decoding skips ids that stand for no text: special ones, and negative ones, which are padding.
    """

    kind: ClassVar[str]
    """Its name in a stored form and on the command line."""
    unit: ClassVar[Unit]
    """What one id stands for."""
    specials: tuple[Special, ...]
    """Names of the special ids, in their order."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Ordinary ids."""

    @property
    def vocab_size(self) -> int:
        """Ordinary and special ids."""
        return self.size + len(self.specials)

    def special(self, name: Special) -> int:
        """The id of a special token. Raises InputError where there is none of this name."""
        if name not in self.specials:
            has = f"it has {', '.join(self.specials) or 'none'}"
            raise InputError(f'the tokenizer has no special id "{name}"', why=has, mend=suggest(name, self.specials))
        return self.size + self.specials.index(name)

    def with_specials(self, *names: Special) -> Self:
        """The same with special ids of these names; those it has not yet stand behind all others."""
        missing = tuple(name for name in names if name not in self.specials)
        return replace(self, specials=(*self.specials, *missing)) if missing else self  # type: ignore[type-var]

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int64]:
        """The ids (N,) of a text. Raises InputError where it holds what has no id."""

    @abstractmethod
    def to_bytes(self, ids: Ids) -> bytes:
        """What the ids stand for, in UTF-8; ids cut out of a text may begin or end within a character."""

    def decode(self, ids: Ids) -> str:
        """The text of ids (N,); bytes that are no UTF-8 become the replacement character U+FFFD."""
        return self.to_bytes(ids).decode("utf-8", "replace")

    def ordinary(self, ids: Ids) -> NDArray[np.int64]:
        """Those of `ids` that stand for text. Raises InputError where one is beyond the vocabulary."""
        ids = np.asarray(ids, np.int64).reshape(-1)
        if ids.size and ids.max() >= self.vocab_size:
            raise InputError(f"id {ids.max()} is not in a vocabulary of {self.vocab_size}")
        return ids[(ids >= 0) & (ids < self.size)]

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain data that `tokenizer_from_dict` makes the same tokenizer of."""


def encode_marked(tokenizer: Tokenizer, text: str) -> NDArray[np.int64]:
    """Ids (N,) of a text in which "[MASK]", "[START]" and "[END]" stand for the tokenizer's special ids of these
    names; a mark it has no id for is text."""
    marks = {f"[{name.upper()}]": tokenizer.special(name) for name in tokenizer.specials}
    if not marks:
        return tokenizer.encode(text)
    parts = re.split("(" + "|".join(map(re.escape, marks)) + ")", text)
    return np.concatenate([np.array([marks[p]]) if p in marks else tokenizer.encode(p) for p in parts])


def enclosed(tokenizer: Tokenizer, ids: NDArray[np.integer], max_len: int | None = None) -> NDArray[np.int64]:
    """The ids (N,) of a text as an encoder reads them: between start and end, BERT's [CLS] and [SEP], where the
    tokenizer has both. What is beyond `max_len` is left out of the text."""
    if not {"start", "end"} <= set(tokenizer.specials):
        return ids[:max_len].astype(np.int64, copy=False)
    room = None if max_len is None else max(0, max_len - 2)
    return np.concatenate([[tokenizer.special("start")], ids[:room], [tokenizer.special("end")]])


def has_no_repeats(specials: tuple[str, ...]) -> None:
    """Raises InputError where a special name comes twice."""
    if len(set(specials)) < len(specials):
        raise InputError(f"special ids {printable(specials)} name one twice")
