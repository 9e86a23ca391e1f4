"""WordPiece (arXiv:1609.08144), as BERT has it: words and the pieces of words, the longest first.

It reads what others have learned. What it says is not the text to the letter: spaces, and for models without capitals
the capitals and accents, are gone.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from smalti.errors import InputError, few
from smalti.tokenizers.tokenizer import Ids, Special, Tokenizer, Unit

__all__ = ["WordPiece"]

MARKS: dict[Special, str] = {"mask": "[MASK]", "start": "[CLS]", "end": "[SEP]"}
UNKNOWN, PADDING = "[UNK]", "[PAD]"
LONGEST = 100  # characters of a word that is looked up
CJK = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2CEAF), (0x2F800, 0x2FA1F))


@dataclass(frozen=True)
class WordPiece(Tokenizer):
    """The pieces of a vocabulary, special ones among them; "##ing" goes on within a word.

    Args:
        vocabulary: the pieces in the order of their ids, "[UNK]" among them.
        lower: capitals and accents are left out before pieces are looked up.
    """

    kind: ClassVar[str] = "wordpiece"
    unit: ClassVar[Unit] = "piece"

    vocabulary: tuple[str, ...]
    lower: bool = True

    def __post_init__(self) -> None:
        if len(self.places) < len(self.vocabulary) or UNKNOWN not in self.places:
            raise InputError(f'a vocabulary of pieces has each once, and "{UNKNOWN}"', where=few(self.vocabulary))

    @cached_property
    def places(self) -> dict[str, int]:
        """Ids by piece."""
        return {piece: i for i, piece in enumerate(self.vocabulary)}

    @cached_property
    def specials(self) -> tuple[Special, ...]:  # pyright: ignore[reportIncompatibleVariableOverride] - found, not given
        """Names of the special ids it has."""
        return tuple(name for name, mark in MARKS.items() if mark in self.places)

    @property
    def size(self) -> int:
        """All pieces: special ids lie among the others."""
        return len(self.vocabulary)

    @property
    def vocab_size(self) -> int:
        """All pieces."""
        return self.size

    def special(self, name: Special) -> int:
        """The id of a special token. Raises InputError where there is none of this name."""
        return self.places[MARKS[name]] if name in self.specials else super().special(name)

    def with_specials(self, *names: Special) -> Self:
        """Itself. Raises InputError where it lacks one: its vocabulary is what others have learned."""
        for name in names:
            self.special(name)
        return self

    def ordinary(self, ids: Ids) -> NDArray[np.int64]:
        """Those of `ids` that stand for text."""
        silent = [self.places[mark] for mark in (*MARKS.values(), PADDING) if mark in self.places]
        ids = super().ordinary(ids)
        return ids[~np.isin(ids, silent)]

    def encode(self, text: str) -> NDArray[np.int64]:
        """The ids of a text; a word of which no pieces are known is one unknown."""
        return np.array([i for word in words(text, self.lower) for i in self.pieces(word)], np.int64)

    def pieces(self, word: str) -> list[int]:
        """The ids of a word: the longest piece it begins with, then the longest the rest begins with."""
        found, start, unknown = [], 0, [self.places[UNKNOWN]]
        if len(word) > LONGEST:
            return unknown
        while start < len(word):
            ends = range(len(word), start, -1)
            mark = "##" if start else ""
            end = next((end for end in ends if mark + word[start:end] in self.places), None)
            if end is None:
                return unknown
            found.append(self.places[mark + word[start:end]])
            start = end
        return found

    def to_bytes(self, ids: Ids) -> bytes:
        """The pieces, with a space before each that begins a word."""
        pieces = [self.vocabulary[i] for i in self.ordinary(ids).tolist()]
        return "".join(p[2:] if p.startswith("##") else f" {p}" for p in pieces).strip().encode()

    def to_dict(self) -> dict[str, Any]:
        """Kind, vocabulary and what becomes of capitals."""
        return {"kind": self.kind, "vocabulary": list(self.vocabulary), "lower": self.lower}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(tuple(data["vocabulary"]), data["lower"])


def words(text: str, lower: bool) -> Iterator[str]:
    """A text cut at spaces; signs, and characters of scripts without spaces, stand alone."""
    if lower:
        text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    word = ""
    for c in text:
        alone = is_sign(c) or any(low <= ord(c) <= high for low, high in CJK)
        if alone or c.isspace():
            if word:
                yield word
            word = ""
        if alone:
            yield c
        elif not c.isspace() and c != "\ufffd" and not unicodedata.category(c).startswith("C"):
            word += c
    if word:
        yield word


def is_sign(c: str) -> bool:
    """Whether a character is punctuation, in BERT's eyes: all of ASCII that is no letter, number or space, too."""
    return (c.isascii() and c.isprintable() and not c.isalnum() and c != " ") or unicodedata.category(c).startswith("P")
