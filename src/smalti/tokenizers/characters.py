"""One id a character: the smallest vocabulary for a small text, and no word is unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from smalti.errors import InputError, printable
from smalti.tokenizers.tokenizer import Ids, Special, Tokenizer, Unit, has_no_repeats

__all__ = ["Characters"]


@dataclass(frozen=True)
class Characters(Tokenizer):
    """An alphabet: the id of a character is its place in it.

    Args:
        alphabet: the characters, each once.
        specials: names of the ids behind them.
    """

    kind: ClassVar[str] = "characters"
    unit: ClassVar[Unit] = "character"

    alphabet: str
    specials: tuple[Special, ...] = ()

    def __post_init__(self) -> None:
        has_no_repeats(self.specials)
        if not self.alphabet or len(set(self.alphabet)) < len(self.alphabet):
            raise InputError("an alphabet is one or more characters, each once", where=printable(self.alphabet, 80))

    @classmethod
    def of(cls, texts: Iterable[str], specials: tuple[Special, ...] = ()) -> Self:
        """The characters that occur in `texts`, sorted."""
        points = [np.unique(_points(text)) for text in texts]
        return cls(_text(np.unique(np.concatenate(points))) if points else "", specials)

    @property
    def size(self) -> int:
        """Characters of the alphabet."""
        return len(self.alphabet)

    def encode(self, text: str) -> NDArray[np.int64]:
        """One id a character. Raises InputError naming the first character that is not in the alphabet."""
        points = _points(text)
        ids = self._ids[np.minimum(points, len(self._ids) - 1)]
        unknown = np.flatnonzero(ids < 0)
        if len(unknown):
            character = text[unknown[0]]
            raise InputError(
                f"character {character!r} (U+{ord(character):04X}) at position {unknown[0]} is not in the alphabet",
                why=f"it has {printable(self.alphabet, 120)!r}",
                mend="leave it out, or train with bytes or BPE, which know every character",
            )
        return ids

    def to_bytes(self, ids: Ids) -> bytes:
        """The characters in UTF-8."""
        return self.decode(ids).encode("utf-8", "surrogatepass")

    def decode(self, ids: Ids) -> str:
        """One character an ordinary id."""
        return _text(self._characters[self.ordinary(ids)])

    def to_dict(self) -> dict[str, Any]:
        """Kind, alphabet and specials."""
        return {"kind": self.kind, "alphabet": self.alphabet, "specials": list(self.specials)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(data["alphabet"], tuple(data["specials"]))

    @cached_property
    def _characters(self) -> NDArray[np.uint32]:
        """Code points by id."""
        return _points(self.alphabet)

    @cached_property
    def _ids(self) -> NDArray[np.int64]:
        """Ids by code point, -1 where there is none; the last entry stands for all code points beyond."""
        table = np.full(int(self._characters.max()) + 2, -1)
        table[self._characters] = np.arange(self.size)
        return table


def _points(text: str) -> NDArray[np.uint32]:
    """The code points (N,) of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _text(points: NDArray[np.uint32]) -> str:
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
