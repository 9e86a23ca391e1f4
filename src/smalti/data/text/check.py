"""What is in a data set of text. What cannot be read at all is an error that names file and line."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from smalti.data.formats.columns import Columns, demand_no_columns
from smalti.data.source import SPLITS, Source
from smalti.data.split import Split
from smalti.data.text.classes import labels_by_folder
from smalti.data.text.corpus import Corpus, open_corpus
from smalti.data.text.kinds import text_kind
from smalti.data.text.pairs import open_pairs
from smalti.data.text.sentences import open_sentences, require_classes
from smalti.data.text.table import split_texts, texts_of
from smalti.errors import few

__all__ = ["TextCheck", "check_text"]

_READ_AS = {"classify": "sentences", "seq2seq": "pairs", "next-token": "corpus", "masked-token": "corpus"}


@dataclass(frozen=True)
class TextCheck:
    """What is there.

    Args:
        name: of the data.
        task: what is learned from it, where nothing else is said.
        n: characters, pairs or texts.
        unit: which of them.
        classes: texts of each class, for labelled texts.
        facts: (name, words) each, for a person.
    """

    name: str
    task: str
    n: int
    unit: str
    classes: dict[str, int]
    facts: tuple[tuple[str, str], ...]
    trainable: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The stable shape of `check --json`."""
        return {"n": self.n, "classes": self.classes, "problems": [], "trainable": self.trainable}


def check_text(path: str | os.PathLike[str], task: str | None = None, columns: Columns | None = None) -> TextCheck:
    """Opens text and says what it is, for a task where one is named; `columns` says what those of a table mean. Raises
    InputError where it cannot be read, or labels are all alike."""
    return CHECKS[_READ_AS.get(task or "") or text_kind(path, columns) or "corpus"](path, columns)


def check_corpus(path: str | os.PathLike[str], columns: Columns | None) -> TextCheck:
    """Of running text."""
    demand_no_columns(columns, path)
    corpus: Corpus = open_corpus(path)
    lines, alphabet = corpus.text.count("\n"), len(set(corpus.text))
    learns = "the next character of the text; --task masked-token for hidden ones"
    folders = {name.rpartition("/")[0] for name in corpus.names}
    if len({label for _, label in labels_by_folder(folders).values()}) > 1:
        learns += ", --task classify for the folder that a text is in"
    facts = (
        ("text", f"{len(corpus):,} characters of {alphabet:,} kinds, {lines:,} lines"),
        ("files", few(corpus.names)),
        ("learns", learns),
        ("splits", corpus.reason),
        *(("remark", note) for note in corpus.notes),
    )
    return TextCheck(corpus.name, "next-token", len(corpus), "characters", {}, facts)


def check_pairs(path: str | os.PathLike[str], columns: Columns | None) -> TextCheck:
    """Of sources and targets."""
    pairs = open_pairs(path, columns=columns)
    longest = max(map(len, texts_of(pairs.sources))), max(map(len, pairs.targets))
    facts = (
        ("pairs", f"{len(pairs):,}, sources of up to {longest[0]:,} characters, targets of up to {longest[1]:,}"),
        ("learns", "to write the target of a source"),
        ("splits", told(split_texts(pairs.sources))),
    )
    return TextCheck(pairs.sources.name, "seq2seq", len(pairs), "pairs", {}, facts)


def check_sentences(path: str | os.PathLike[str], columns: Columns | None) -> TextCheck:
    """Of labelled texts."""
    source: Source = open_sentences(path, columns=columns)
    require_classes(source)
    counts = np.bincount(np.asarray(source.targets, np.int64), minlength=len(source.labels)).tolist()
    classes = dict(zip(source.labels, counts, strict=True))
    facts = (
        ("texts", f"{len(source):,}, of up to {max(map(len, texts_of(source))):,} characters"),
        ("learns", f"one of {len(classes):,} classes a text"),
        ("splits", told(split_texts(source))),
        *((label, f"{count:,}") for label, count in classes.items()),
        *(("remark", note) for note in source.notes),
    )
    return TextCheck(source.name, "classify", len(source), "texts", classes, facts)


def told(parts: Split) -> str:
    """Sizes and reason."""
    sizes = ", ".join(f"{name} {len(getattr(parts, name)):,}" for name in SPLITS)
    return f"{sizes} ({parts.reason})"


CHECKS = {"corpus": check_corpus, "pairs": check_pairs, "sentences": check_sentences}
