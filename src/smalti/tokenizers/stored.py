"""Tokenizers as plain data: how they travel inside a model file."""

from collections.abc import Mapping
from typing import Any

from smalti.configs import suggest
from smalti.errors import InputError, printable
from smalti.tokenizers.bpe import BPE
from smalti.tokenizers.bytes import Bytes
from smalti.tokenizers.characters import Characters
from smalti.tokenizers.tokenizer import Tokenizer
from smalti.tokenizers.wordpiece import WordPiece

__all__ = ["TOKENIZERS", "tokenizer_from_dict"]

TOKENIZERS: dict[str, type[Characters | Bytes | BPE | WordPiece]] = {
    made.kind: made for made in (Characters, Bytes, BPE, WordPiece)
}


def tokenizer_from_dict(data: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer whose `to_dict` gave `data`. Raises InputError where the data is not that of one."""
    kind = data.get("kind")
    if kind not in TOKENIZERS:
        mend = suggest(str(kind), TOKENIZERS) or f"use {' or '.join(TOKENIZERS)}"
        raise InputError(f"tokenizer {printable(kind, 80)!r} is not known", mend=mend)
    try:
        return TOKENIZERS[kind].from_dict(dict(data))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the data of a tokenizer of {kind} is not complete", why=repr(error)) from error
