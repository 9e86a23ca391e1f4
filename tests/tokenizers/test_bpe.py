import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.errors import InputError
from smalti.tokenizers import BPE, bpe

TEXT = "the theatre of the north; their mother and their father. " * 20 + "Straße, naïve, 日本語 日本語\n\n\tend"
tokenizers = pytest.importorskip("tokenizers")
LEARNED = BPE.learn([TEXT], 290, ("mask",))


def test_frequent_neighbours_become_one_id():
    assert LEARNED.pieces[:256] == tuple(bytes([i]) for i in range(256))
    assert b" the" in LEARNED.pieces
    assert len(LEARNED.encode(TEXT)) < len(TEXT.encode()) / 2
    assert LEARNED.vocab_size == 290
    assert LEARNED.special("mask") == 289


@given(st.text())
def test_every_text_comes_back(text: str):
    assert LEARNED.decode(LEARNED.encode(text)) == text


@given(st.text(alphabet=" \n\tthe'r日;1", max_size=200))
def test_blocks_give_the_ids_of_the_whole(text: str):
    whole = LEARNED.encode(text).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bpe, "_BLOCK", 3)
        assert LEARNED.encode(text).tolist() == whole


def test_learning_twice_gives_the_same():
    assert BPE.learn([TEXT], 290, ("mask",)) == LEARNED


def test_the_same_piece_made_in_two_ways_has_one_id():
    made = BPE(((97, 98), (98, 99), (256, 99), (97, 257), (258, 97)))
    assert made.pieces[256:] == (b"ab", b"bc", b"abc", b"abca")
    assert made.decode([259]) == "abca"


@pytest.mark.parametrize("merges", [((0, 256),), ((-1, 3),)])
def test_a_merge_of_what_is_not_there_is_refused(merges):
    with pytest.raises(InputError, match="not of two earlier ids"):
        BPE(merges)


def test_a_vocabulary_has_room_for_a_merge():
    with pytest.raises(InputError, match="vocab_size 256 is not above 256"):
        BPE.learn(["aa aa"], 256)


def test_bytes_that_are_no_text_have_no_pieces():
    with pytest.raises(InputError, match="use bytes as tokens"):
        LEARNED.encode("a\udcff")


def test_without_the_library_the_error_says_how_to_install_it():
    code = """
import sys
sys.modules["tokenizers"] = None
from smalti.tokenizers import BPE
made = BPE(((97, 98),))
assert made.decode([256, 97]) == "aba"
made.encode("ab")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'tokenizers>=0.22'" in done.stderr
