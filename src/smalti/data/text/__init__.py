"""Text: files as one running text, rows of tables, and both as batches of ids."""

from smalti.data.text.corpus import Corpus, open_corpus
from smalti.data.text.kinds import TEXT_SUFFIXES, TextKind, text_kind
from smalti.data.text.pairs import Pairs, PairSource, open_pairs
from smalti.data.text.sentences import Sentences, open_sentences
from smalti.data.text.streams import AllStreams, Streams
from smalti.data.text.table import split_texts, texts_of
from smalti.data.text.windows import AllWindows, Windows

__all__ = [
    "TEXT_SUFFIXES",
    "AllStreams",
    "AllWindows",
    "Corpus",
    "PairSource",
    "Pairs",
    "Sentences",
    "Streams",
    "TextKind",
    "Windows",
    "open_corpus",
    "open_pairs",
    "open_sentences",
    "split_texts",
    "text_kind",
    "texts_of",
]
