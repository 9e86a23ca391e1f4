"""A running text: one file, or the files of a folder one after the other, split by position."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smalti.data.formats.labels import split_of
from smalti.data.formats.tree import suffix_of
from smalti.data.formats.walk import walk
from smalti.data.source import SPLITS
from smalti.data.text.kinds import is_text_name
from smalti.data.text.reading import read_text
from smalti.errors import InputError, counted, few

__all__ = ["Corpus", "open_corpus"]

Span = tuple[int, int]  # the first character, and that behind the last
SHORTEST = 100  # characters; below, a split of 2 % is not even two of them


@dataclass(frozen=True)
class Corpus:
    """A running text and where it is cut.

    Where nothing else is given, the last 10 % of the characters are the test, as in nanoGPT, whose validation part they
    are; the first 2 % are val, and all between is train. A split by position is the honest one: any other puts the
    neighbours of a line, which give it away, on the other side. Val comes first since what stands right before the test
    teaches most about it: with the 2 % before it as val, a model is 0.1 nats worse on Tiny Shakespeare (docs/log.md).

    Args:
        name: what the person called it, for messages.
        text: all of it; the files of a folder follow each other in the order of their paths, and a line break stands
            between two of which the first does not end in one.
        names: the files.
        notes: remarks on what was found.
        given: where train, val and test begin and end, where the files say it.
    """

    name: str
    text: str
    names: Sequence[str]
    notes: tuple[str, ...] = ()
    given: tuple[Span, Span, Span] | None = None

    def __post_init__(self) -> None:
        if len(self.text) < SHORTEST:
            raise InputError(
                f"{counted(len(self.text), 'character')} are too few to split and learn from",
                where=self.name,
                why=f"read as text, {few(self.names)}: there are no pictures",
                mend=f"give {SHORTEST} or more; a model worth having needs a hundred thousand",
            )

    def __len__(self) -> int:
        return len(self.text)

    @property
    def spans(self) -> tuple[Span, Span, Span]:
        """The characters with which train, val and test begin and end."""
        n = len(self.text)
        return self.given or spans(int(n * 0.9), n)

    def part(self, split: str) -> str:
        """The text of "train", "val" or "test". Raises InputError for another word."""
        if split not in SPLITS:
            raise InputError(f"there is no split {split!r}", mend=f"use {', '.join(SPLITS)}")
        begin, end = self.spans[SPLITS.index(split)]
        return self.text[begin:end]

    @property
    def reason(self) -> str:
        """How it is split, as a line to print."""
        sizes = (f"{name} {end - begin:,}" for name, (begin, end) in zip(SPLITS, self.spans, strict=True))
        how = "as the files are named" if self.given else "by position, test the last 10 %, val the first 2 %"
        return f"split {how}: {', '.join(sizes)} characters"

    def fingerprint(self) -> str:
        """A digest that changes when the text does."""
        return hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def open_corpus(path: str | os.PathLike[str], *, raw: bool = False) -> Corpus:
    """The text of a file, or of all text files of a folder. Files called train.txt, val.txt and test.txt, and those in
    folders of these names, are the splits.

    Args:
        path: a text file, .gz or not, of any suffix; or a folder, of whose files those with a suffix of text count.
        raw: every byte as it is, as in `read_text`; the files of a folder then follow each other with nothing between.

    Raises:
        InputError: there is no text, or a file is not one; it names the file, and the byte that is no UTF-8.
    """
    name = os.fspath(path)
    if not Path(path).is_dir():
        return Corpus(name, read_text(path, raw=raw), (Path(path).name,))
    tree = walk(path, name)
    names = [file for file in tree.paths if is_text_name(file)]
    if not names:
        others = sorted({suffix_of(file) or "no suffix" for file in tree.paths})
        why = f"its {counted(len(tree.paths), 'file')} have {', '.join(others[:5])}" if others else "it is empty"
        raise InputError("no text files found", where=name, why=why, mend="give a folder of .txt files")
    stated = {file: _stated(file) for file in names}
    named = 0 in stated.values() and not {1, 2}.isdisjoint(stated.values())
    used = [file for file in names if stated[file] is not None] if named else names
    texts = {file: read_text(Path(path) / file, raw=raw) for file in used}
    parts = [_joined([texts[file] for file in used if stated[file] == split], raw) for split in range(len(SPLITS))]
    left = len(tree.paths) - len(used)
    notes = (*tree.notes, *([f"{counted(left, 'file')} left out that are no text or of no split"] if left else []))
    if not named:
        return Corpus(name, _joined(list(texts.values()), raw), used, notes)
    return Corpus(name, "".join(parts), used, notes, given(*map(len, parts)))


def _stated(file: str) -> int | None:
    """The position in SPLITS that a file's top folder or name means: "train/a.txt", "val.txt"."""
    top = file.split("/")[0]
    return split_of(top.lower().removesuffix(".gz").rsplit(".", 1)[0] if top == file else top)


def given(train: int, val: int, test: int) -> tuple[Span, Span, Span]:
    """Where train, val and test begin and end, of parts of these lengths. A given val is the test where there is none;
    val is then the beginning of train, as where none is given."""
    if val and test:
        return (0, train), (train, train + val), (train + val, train + val + test)
    return spans(train, train + val + test)


def spans(train: int, end: int) -> tuple[Span, Span, Span]:
    """Train, val and test of a text that is test from `train` to `end`: val is the beginning, 2 % of the whole."""
    val = train // 45
    return (val, train), (0, val), (train, end)


def _joined(texts: Sequence[str], raw: bool) -> str:
    """The texts one after the other, with a line break behind one that does not end in one."""
    return "".join(text if raw or text.endswith("\n") else text + "\n" for text in texts[:-1]) + "".join(texts[-1:])
