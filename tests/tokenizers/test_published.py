import json
from pathlib import Path

import pytest

from smalti.errors import InputError
from smalti.tokenizers import BPE, read_published_tokenizer
from smalti.tokenizers.bpe import SIGNS, signs_of

pytest.importorskip("tokenizers")
TEXT = "the theatre of the north; their mother. " * 20 + "Straße, naïve, 日本語 日本語\n\n\tend"


@pytest.fixture(scope="module")
def theirs():
    """A GPT-2 tokenizer of transformers with few merges."""
    from transformers.models.gpt2.tokenization_gpt2 import GPT2Tokenizer

    learned = BPE.learn([TEXT], 290)
    merges = [(signs_of(learned.pieces[left]), signs_of(learned.pieces[right])) for left, right in learned.merges]
    vocab = {sign: i for i, sign in enumerate([*SIGNS.values(), *(a + b for a, b in merges), "<|endoftext|>"])}
    return GPT2Tokenizer(vocab=vocab, merges=merges), vocab, merges


@pytest.mark.parametrize("form", ["tokenizer.json", "merges.txt"])
def test_ids_equal_those_of_transformers(theirs, tmp_path: Path, form: str):
    tokenizer, vocab, merges = theirs
    if form == "tokenizer.json":
        tokenizer.save_pretrained(tmp_path)
    else:
        (tmp_path / "vocab.json").write_text(json.dumps(vocab))
        (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    ours = read_published_tokenizer(tmp_path)
    assert isinstance(ours, BPE)
    assert ours.encode(TEXT).tolist() == tokenizer(TEXT)["input_ids"]
    assert ours.decode(ours.encode(TEXT)) == TEXT
    assert ours.special("end") == vocab["<|endoftext|>"] == ours.vocab_size - 1


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"lowercase": True, "strip_accents": None}, True),
        ({"lowercase": False, "strip_accents": False}, False),
        ({"lowercase": True, "strip_accents": False}, None),
        ({"lowercase": False, "strip_accents": True}, None),
        ({"lowercase": True, "handle_chinese_chars": False}, None),
        ({"type": "Sequence", "normalizers": []}, None),
    ],
)
def test_word_pieces_are_those_of_bert_or_refused(tmp_path: Path, says: dict, told: bool | None):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sch", "##on"]
    stored = {"type": "WordPiece", "vocab": {piece: i for i, piece in enumerate(pieces)}}
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "vocab.txt").write_text("\n".join(pieces))
    theirs = {"lowercase": "do_lower_case", "handle_chinese_chars": "tokenize_chinese_chars"}
    config = {theirs.get(name, name): value for name, value in says.items()}
    (tmp_path / "old" / "tokenizer_config.json").write_text(json.dumps(config))
    normalizer = {"type": "BertNormalizer", **says}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": stored, "normalizer": normalizer}))
    for folder in [tmp_path] if "type" in says else [tmp_path, tmp_path / "old"]:
        if told is None:
            with pytest.raises(InputError, match="treats letters, accents or Chinese signs in another way"):
                read_published_tokenizer(folder)
        else:
            assert read_published_tokenizer(folder).to_dict()["lower"] is told


PLAIN = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        ({"pre_tokenizer": PLAIN}, True),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [PLAIN]}}, True),
        ({"pre_tokenizer": PLAIN | {"add_prefix_space": True}}, False),
        ({"pre_tokenizer": PLAIN | {"use_regex": False}}, False),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits"}, PLAIN]}}, False),
        ({"pre_tokenizer": PLAIN, "normalizer": {"type": "Lowercase"}}, False),
    ],
)
def test_byte_pairs_are_of_texts_split_as_gpt2_splits_them(theirs, tmp_path: Path, change: dict, reads: bool):
    _, vocab, merges = theirs
    stored = {"type": "BPE", "vocab": vocab, "merges": [f"{a} {b}" for a, b in merges]}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": stored, **change}))
    if reads:
        assert isinstance(read_published_tokenizer(tmp_path), BPE)
        return
    with pytest.raises(InputError, match=r"in another way than GPT-2's; use transformers"):
        read_published_tokenizer(tmp_path)


def test_a_folder_without_one_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="has no tokenizer"):
        read_published_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}')
    with pytest.raises(InputError, match="kind Unigram is not known"):
        read_published_tokenizer(tmp_path)


@pytest.mark.parametrize("wrong", ["ids", "file", "signs"])
def test_a_tokenizer_of_another_kind_is_refused(theirs, tmp_path: Path, wrong: str):
    _, vocab, merges = theirs
    first, second = list(vocab)[-3:-1]
    vocab = vocab | {first: vocab[second], second: vocab[first]} if wrong == "ids" else vocab
    lines = [*merges, ("☃", "a")] if wrong == "signs" else merges
    (tmp_path / "vocab.json").write_text("{" if wrong == "file" else json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("".join(f"{a} {b}\n" for a, b in lines))
    with pytest.raises(InputError, match="tokenizer"):
        read_published_tokenizer(tmp_path)
