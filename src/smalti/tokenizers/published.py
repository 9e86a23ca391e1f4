"""Tokenizers as transformers stores them in a folder beside the weights: GPT-2's byte pairs and BERT's word pieces."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smalti.errors import InputError
from smalti.tokenizers.bpe import BPE, SIGNS, signs_of
from smalti.tokenizers.stored import tokenizer_from_dict
from smalti.tokenizers.tokenizer import Special, Tokenizer
from smalti.tokenizers.wordpiece import WordPiece

__all__ = ["END", "OURS", "published_files", "read_published_tokenizer"]

END = "<|endoftext|>"
OURS = "smalti_tokenizer.json"  # what folders of ours have beside, of any kind


def read_published_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in a folder.

    Raises:
        InputError: there is none, or one of another kind.
    """
    try:
        if (folder / OURS).is_file():
            return tokenizer_from_dict(load(folder / OURS))
        if (folder / "tokenizer.json").is_file():
            return from_library(load(folder / "tokenizer.json"))
        if (folder / "merges.txt").is_file() and (folder / "vocab.json").is_file():
            lines = (folder / "merges.txt").read_text("utf-8").split("\n")
            pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
            return byte_pairs(pairs, load(folder / "vocab.json"))
        if (folder / "vocab.txt").is_file():
            told = folder / "tokenizer_config.json"
            says = load(told) if told.is_file() else {}
            pieces = (folder / "vocab.txt").read_text("utf-8").removesuffix("\n").split("\n")
            apart = says.get("tokenize_chinese_chars", True)
            return word_pieces(pieces, says.get("do_lower_case", True), says.get("strip_accents"), apart)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("its tokenizer cannot be read", where=folder, why=repr(error), mend="get it again") from error
    files = f"none of {OURS}, tokenizer.json, merges.txt with vocab.json, vocab.txt"
    raise InputError("has no tokenizer", where=folder, why=files, mend="get the files that belong to the weights")


def load(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    return json.loads(path.read_text("utf-8"))


def from_library(told: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer a tokenizer.json describes."""
    model, added = told["model"], {one["content"]: one["id"] for one in told.get("added_tokens", ())}
    if model.get("type") == "WordPiece":
        pieces, says = model["vocab"] | added, told.get("normalizer") or {}
        apart = says.get("handle_chinese_chars", True) and says.get("type") == "BertNormalizer"
        ordered = sorted(pieces, key=pieces.__getitem__)
        return word_pieces(ordered, says.get("lowercase", True), says.get("strip_accents"), apart)
    if model.get("type") == "BPE" and "ByteLevel" in json.dumps(told.get("pre_tokenizer")):
        refuse_other_splits(told)
        pairs = [one.split(" ") if isinstance(one, str) else one for one in model["merges"]]
        return byte_pairs(pairs, model["vocab"] | added)
    raise InputError(f"a tokenizer of the kind {model.get('type')} is not known", mend="GPT-2's and BERT's are")


def word_pieces(pieces: Sequence[str], lower: bool, bare: bool | None, apart: bool) -> WordPiece:
    """BERT's tokenizer, as its authors have it.

    Args:
        pieces: in order of their ids.
        lower: letters are made small.
        bare: accents are taken off; None where letters are made small.
        apart: Chinese signs stand alone.

    Raises:
        InputError: accents or signs are treated in another way, which would give other ids than those the weights know.
    """
    if bare not in (None, lower) or not apart:
        what = "its tokenizer treats letters, accents or Chinese signs in another way than BERT's"
        raise InputError(what, mend="use transformers")
    return WordPiece(tuple(pieces), lower)


def refuse_other_splits(told: Mapping[str, Any]) -> None:
    """Raises InputError where a tokenizer.json changes or splits a text before its merges in another way than GPT-2's,
    which would give other ids than those the weights know.
    """
    splits = told["pre_tokenizer"]
    parts = splits["pretokenizers"] if splits["type"] == "Sequence" else [splits]
    plain = [(one["type"], one.get("add_prefix_space", True), one.get("use_regex", True)) for one in parts]
    if told.get("normalizer") or plain != [("ByteLevel", False, True)]:
        raise InputError("its tokenizer changes or splits texts in another way than GPT-2's", mend="use transformers")


def byte_pairs(pairs: list[list[str]], places: Mapping[str, int]) -> BPE:
    """Merges in GPT-2's alphabet, whose ids are in GPT-2's order: bytes, merges, the end of a text."""
    specials: tuple[Special, ...] = ("end",) if END in places else ()
    first = sorted(SIGNS, key=lambda byte: places[SIGNS[byte]])
    made = BPE.from_gpt2([(left, right) for left, right in pairs], specials, order=tuple(first))
    ids = {piece: i for i, piece in enumerate((*map(signs_of, made.pieces), *(END for _ in specials)))}
    if ids != places:
        raise InputError(
            "the ids of its tokenizer do not follow from its merges", mend="only those like GPT-2's are read"
        )
    return made


def published_files(tokenizer: Tokenizer) -> dict[str, str]:
    """The files that transformers reads a tokenizer from, where it has one of this kind, and ours; by name."""
    files = {OURS: json.dumps(tokenizer.to_dict())}
    if isinstance(tokenizer, WordPiece):
        files["vocab.txt"] = "".join(f"{piece}\n" for piece in tokenizer.vocabulary)
        files["tokenizer_config.json"] = json.dumps(
            {"tokenizer_class": "BertTokenizer", "do_lower_case": tokenizer.lower}
        )
    if isinstance(tokenizer, BPE) and set(tokenizer.specials) <= {"end"}:
        signs = [signs_of(piece) for piece in tokenizer.pieces]
        places = {sign: i for i, sign in enumerate((*signs, *(END for _ in tokenizer.specials)))}
        files["vocab.json"] = json.dumps(places, ensure_ascii=False)
        files["merges.txt"] = "".join(f"{signs[left]} {signs[right]}\n" for left, right in tokenizer.merges)
        files["tokenizer_config.json"] = json.dumps({"tokenizer_class": "GPT2Tokenizer"})
    return files
