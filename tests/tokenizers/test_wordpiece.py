"""BERT's pieces: as the library has them, and back."""

import pytest

from smalti.errors import InputError
from smalti.tokenizers import WordPiece, encode_marked, tokenizer_from_dict

VOCABULARY = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sat", "un", "##want", "##ed", "cafe", "don",
    "'", "t", "!", "日", "本", ",", "café", "Cat", "$", "a", "##b",
)  # fmt: skip
TEXTS = (
    "The cats sat!", "unwanted cat", "Café don't", "日本cat", "the\tcat\n sat,,", "a\u200bb", "xyz the", "", "$cat",
    "cat\x00s \ufffd", "a" * 101, "É", "Cat",
)  # fmt: skip


@pytest.mark.parametrize("lower", [True, False])
def test_ids_are_those_of_the_library(lower):
    library = pytest.importorskip("tokenizers")
    theirs = library.BertWordPieceTokenizer({p: i for i, p in enumerate(VOCABULARY)}, lowercase=lower)
    ours = WordPiece(VOCABULARY, lower)
    for text in TEXTS:
        assert ours.encode(text).tolist() == theirs.encode(text, add_special_tokens=False).ids, text


def test_decoding_joins_pieces_and_skips_special_ids():
    made = WordPiece(VOCABULARY)
    ids = encode_marked(made, "[START]The cats [MASK] sat[END]")
    assert ids.tolist() == [2, 5, 6, 7, 4, 8, 3]
    assert made.decode(ids) == "the cats sat"
    assert made.decode([-1, 0, 5, 7]) == "thes"
    assert (made.special("mask"), made.vocab_size, made.size) == (4, 25, 25)


def test_it_travels_as_plain_data():
    made = WordPiece(VOCABULARY, lower=False)
    assert tokenizer_from_dict(made.to_dict()) == made


def test_a_vocabulary_without_the_unknown_is_refused():
    with pytest.raises(InputError, match="UNK"):
        WordPiece(("a", "b"))
    with pytest.raises(InputError, match="start"):
        WordPiece(("[UNK]",)).special("start")


def test_special_ids_are_those_of_the_vocabulary():
    made = WordPiece(("[UNK]", "[MASK]", "a"))
    assert made.with_specials("mask") is made
    with pytest.raises(InputError, match='no special id "end"'):
        made.with_specials("end")
