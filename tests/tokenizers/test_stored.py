import json

import pytest

from smalti.errors import InputError
from smalti.tokenizers import BPE, Bytes, Characters, WordPiece, tokenizer_from_dict

MADE = [
    Characters("ab\n日", ("mask",)),
    Bytes(("start", "end")),
    BPE(((97, 98), (256, 99)), ("mask",)),
    BPE(((0, 1),), (), tuple(reversed(range(256)))),
    WordPiece(("[UNK]", "a", "##b"), lower=False),
]


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.kind)
def test_every_tokenizer_comes_back_from_json(made):
    assert tokenizer_from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"'character' is not known.*\"characters\""):
        tokenizer_from_dict({"kind": "character"})


@pytest.mark.parametrize("data", [{"kind": "characters"}, {"kind": "bpe", "merges": [[1]], "specials": []}])
def test_missing_parts_are_told(data):
    with pytest.raises(InputError, match="not complete"):
        tokenizer_from_dict(data)
