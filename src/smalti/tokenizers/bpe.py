"""Byte pair encoding (arXiv:1508.07909), on bytes as in GPT-2: frequent neighbours become one id, again and again.

All there is to store are the merges, in order. Decoding needs nothing else; learning and encoding use the `tokenizers`
library, which is an extra.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from smalti.errors import InputError, install_line
from smalti.tokenizers.bytes import utf8
from smalti.tokenizers.tokenizer import Ids, Special, Tokenizer, Unit, has_no_repeats

if TYPE_CHECKING:
    import tokenizers

__all__ = ["BPE", "SIGNS", "has_library", "signs_of"]

_BLOCK = 1 << 16  # characters the library works on at a time, so that all cores help


@dataclass(frozen=True)
class BPE(Tokenizer):
    """The 256 bytes, then one id a merge. Text is first cut into words, spaces and signs by GPT-2's rule; no merge
    crosses such a cut.

    Args:
        merges: pairs of earlier ids; the pair at place i makes the id 256 + i. Two ways to make the same piece share
            the id of the first.
        specials: names of the ids behind them.
        order: the byte of each of the first 256 ids; by default id and byte are equal.
    """

    kind: ClassVar[str] = "bpe"
    unit: ClassVar[Unit] = "piece"

    merges: tuple[tuple[int, int], ...]
    specials: tuple[Special, ...] = ()
    order: tuple[int, ...] = tuple(range(256))

    def __post_init__(self) -> None:
        has_no_repeats(self.specials)
        if sorted(self.order) != list(range(256)):
            raise InputError("the order of the bytes in a BPE is not each of 0 to 255 once")
        _ = self.pieces  # a wrong merge is refused here

    @classmethod
    def learn(cls, texts: Iterable[str], vocab_size: int = 1024, specials: tuple[Special, ...] = ()) -> Self:
        """The merges that shorten `texts` most, one after the other; fewer where no pair is left that comes twice.

        Args:
            texts: to learn from.
            vocab_size: ids to have, special ones included, above 256.
            specials: names of the special ids.

        Raises:
            InputError: the library is not installed, or `vocab_size` leaves no room for a merge.
        """
        if vocab_size <= 256 + len(specials):
            raise InputError(f"vocab_size {vocab_size} is not above {256 + len(specials)}, the bytes and special ids")
        library = _library()
        learner = library.Tokenizer(library.models.BPE())
        learner.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocab_size - len(specials),
            min_frequency=2,
            show_progress=False,
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        )
        lines = (line for text in texts for line in text.splitlines(keepends=True))
        learner.train_from_iterator(map(_encodable, lines), trainer)
        return cls.from_gpt2(_merges_of(learner), specials, order=tuple(range(256)))

    @classmethod
    def from_gpt2(
        cls, merges: Iterable[tuple[str, str]], specials: tuple[Special, ...] = (), *, order: tuple[int, ...] = ()
    ) -> Self:
        """Merges as GPT-2's `merges.txt` writes them, in its alphabet of printable signs.

        Args:
            merges: the two sides of each line, in order.
            specials: ("end",) for GPT-2, whose id 50256 ends a text.
            order: of the bytes; by default GPT-2's own.
        """
        order = order or tuple(SIGNS)
        back = {sign: byte for byte, sign in SIGNS.items()}
        ids = {bytes([byte]): i for i, byte in enumerate(order)}
        pairs = []
        for pair in merges:
            left, right = (bytes(back[sign] for sign in side) for side in pair)
            pairs.append((ids[left], ids[right]))
            ids.setdefault(left + right, len(ids))
        return cls(tuple(pairs), specials, order)

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """What each ordinary id stands for."""
        pieces = [bytes([byte]) for byte in self.order]
        seen = set(pieces)
        for left, right in self.merges:
            if not (0 <= left < len(pieces) and 0 <= right < len(pieces)):
                raise InputError(f"merge ({left}, {right}) of a BPE is not of two earlier ids, below {len(pieces)}")
            piece = pieces[left] + pieces[right]
            if piece not in seen:
                seen.add(piece)
                pieces.append(piece)
        return tuple(pieces)

    @property
    def size(self) -> int:
        """Bytes and distinct merges."""
        return len(self.pieces)

    def encode(self, text: str) -> NDArray[np.int64]:
        """The ids of a text. Raises InputError where the library is missing, or for what is no character."""
        blocks = list(_blocks(_encodable(text)))
        found = [np.array(block.ids, np.int64) for block in self._encoder.encode_batch_fast(blocks)]
        return np.concatenate([np.empty(0, np.int64), *found])

    def to_bytes(self, ids: Ids) -> bytes:
        """The pieces, joined."""
        pieces = self.pieces
        return b"".join([pieces[i] for i in self.ordinary(ids).tolist()])

    def to_dict(self) -> dict[str, Any]:
        """Kind, merges and specials; the order of the bytes where it is not their own."""
        data = {"kind": self.kind, "merges": [list(pair) for pair in self.merges], "specials": list(self.specials)}
        return data | ({} if self.order == tuple(range(256)) else {"order": list(self.order)})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        merges = tuple((left, right) for left, right in data["merges"])
        return cls(merges, tuple(data["specials"]), tuple(data.get("order", range(256))))

    @cached_property
    def _encoder(self) -> "tokenizers.Tokenizer":
        library = _library()
        signs = [signs_of(piece) for piece in self.pieces]
        model = library.models.BPE(
            vocab={sign: i for i, sign in enumerate(signs)},
            merges=[(signs[left], signs[right]) for left, right in self.merges],
        )
        encoder = library.Tokenizer(model)
        encoder.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        return encoder


def _signs() -> dict[int, str]:
    """GPT-2's way to write bytes as printable signs, in the order of its ids: those of Latin-1 that are visible stand
    for themselves, the others follow from U+0100 on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(0x100 + i) for i, byte in enumerate(others)}


SIGNS = _signs()


def signs_of(piece: bytes) -> str:
    """A piece in GPT-2's printable signs."""
    return "".join(SIGNS[byte] for byte in piece)


def _merges_of(learner: "tokenizers.Tokenizer") -> list[tuple[str, str]]:
    return [(left, right) for left, right in json.loads(learner.to_str())["model"]["merges"]]


def _encodable(text: str) -> str:
    """The text; raises InputError where it holds what no UTF-8 can write, before the library meets it."""
    try:
        utf8(text).decode()
    except UnicodeDecodeError as error:
        raise InputError("bytes that are no UTF-8 cannot be cut into pieces", mend="use bytes as tokens") from error
    return text


def _blocks(text: str) -> Iterable[str]:
    """The text in blocks, cut before a space or line break that follows something else: the rule that cuts words cuts
    there too, so the ids are those of the whole."""
    start = 0
    while len(text) - start > _BLOCK:
        cut = next(
            (i for i in range(start + _BLOCK, len(text)) if text[i] in " \n" and not text[i - 1].isspace()), len(text)
        )
        yield text[start:cut]
        start = cut
    yield text[start:]


def has_library() -> bool:
    """Whether pieces can be learned here."""
    return find_spec("tokenizers") is not None


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        mend = f"{install_line('tokenizers')}, or choose characters or bytes as tokens"
        raise InputError("BPE needs the library tokenizers, which is not installed", mend=mend) from error
    return tokenizers
