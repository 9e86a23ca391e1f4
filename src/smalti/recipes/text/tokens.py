"""The tokenizer of a run, and the special ids its task asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from smalti.errors import InputError
from smalti.recipes.text.recipe import TokensConfig
from smalti.tokenizers import BPE, Bytes, Characters, Special, Tokenizer
from smalti.tokenizers.bpe import has_library

__all__ = ["SPECIALS", "choose_tokens", "make_tokenizer"]

SPECIALS: dict[str, tuple[Special, ...]] = {
    "next-token": (),
    "masked-token": ("mask",),
    "seq2seq": ("start", "end"),
    "classify": ("start", "end"),  # BERT's [CLS], off which the class is read, and [SEP]
}


def choose_tokens(task: str, settings: Mapping[str, Any]) -> TokensConfig:
    """What the person settled of `tokens`. Where that leaves the tokenizer open, labelled texts are cut into pieces if
    the library is there: words and parts of words tell more of a class than letters (docs/log.md)."""
    config = TokensConfig(**settings)
    pieces = task == "classify" and "tokenizer" not in settings and has_library()
    return replace(config, tokenizer="bpe") if pieces else config


def make_tokenizer(
    config: TokensConfig, all_texts: Iterable[str], train_texts: Iterable[str], specials: tuple[Special, ...] = ()
) -> Tokenizer:
    """A tokenizer for some texts.

    Args:
        config: which kind.
        all_texts: whose characters make the alphabet: one that is in the test alone would have no id.
        train_texts: from which pieces are learned.
        specials: names of the special ids the task needs.

    Raises:
        InputError: pieces cannot be learned here.
    """
    if config.tokenizer == "bytes":
        return Bytes(specials)
    if config.tokenizer == "wordpiece":
        raise InputError("word pieces are not learned, they come with a model", mend="add --from MODEL, or use bpe")
    if config.tokenizer == "bpe":
        return BPE.learn(train_texts, config.vocab_size, specials)
    return Characters.of(all_texts, specials)
