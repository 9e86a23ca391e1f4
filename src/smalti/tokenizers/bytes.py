"""One id a byte: 256 ids for every language and every file."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from smalti.errors import InputError
from smalti.tokenizers.tokenizer import Ids, Special, Tokenizer, Unit, has_no_repeats

__all__ = ["Bytes", "utf8"]


@dataclass(frozen=True)
class Bytes(Tokenizer):
    """The bytes of UTF-8; of a text that was read with `surrogateescape`, the very bytes of its file.

    Args:
        specials: names of the ids from 256 on.
    """

    kind: ClassVar[str] = "bytes"
    unit: ClassVar[Unit] = "byte"

    specials: tuple[Special, ...] = ()

    def __post_init__(self) -> None:
        has_no_repeats(self.specials)

    @property
    def size(self) -> int:
        """256."""
        return 256

    def encode(self, text: str) -> NDArray[np.int64]:
        """One id a byte. Raises InputError for half a surrogate pair, which no UTF-8 has."""
        return np.frombuffer(utf8(text), np.uint8).astype(np.int64)

    def to_bytes(self, ids: Ids) -> bytes:
        """One byte an ordinary id."""
        return self.ordinary(ids).astype(np.uint8).tobytes()

    def to_dict(self) -> dict[str, Any]:
        """Kind and specials."""
        return {"kind": self.kind, "specials": list(self.specials)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(tuple(data["specials"]))


def utf8(text: str) -> bytes:
    """The bytes of a text. Raises InputError where a character has none."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        wrong = f"U+{ord(text[error.start]):04X} at position {error.start}"
        raise InputError(f"half a surrogate pair, {wrong}, is no character", mend="leave it out") from error
