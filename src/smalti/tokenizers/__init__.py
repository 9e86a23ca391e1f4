"""Text and ids: characters, bytes, or pieces learned from a text."""

from smalti.tokenizers.bpe import BPE
from smalti.tokenizers.bytes import Bytes
from smalti.tokenizers.characters import Characters
from smalti.tokenizers.published import published_files, read_published_tokenizer
from smalti.tokenizers.stored import TOKENIZERS, tokenizer_from_dict
from smalti.tokenizers.streaming import Streaming
from smalti.tokenizers.tokenizer import Special, Tokenizer, Unit, enclosed, encode_marked
from smalti.tokenizers.wordpiece import WordPiece

__all__ = [
    "BPE",
    "TOKENIZERS",
    "Bytes",
    "Characters",
    "Special",
    "Streaming",
    "Tokenizer",
    "Unit",
    "WordPiece",
    "enclosed",
    "encode_marked",
    "published_files",
    "read_published_tokenizer",
    "tokenizer_from_dict",
]
