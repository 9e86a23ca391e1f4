import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.errors import InputError
from smalti.tokenizers import Characters

SHAKESPEARE = Path(__file__).resolve().parents[3] / "shared" / "data" / "tinyshakespeare.txt"


@given(st.text(min_size=1))
def test_every_text_comes_back(text: str):
    made = Characters.of([text])
    ids = made.encode(text)
    assert len(ids) == len(text)
    assert made.decode(ids) == text
    assert made.to_bytes(ids) == text.encode()


def test_the_alphabet_is_sorted_and_of_all_texts():
    made = Characters.of(["hello", "wörld"])
    assert made.alphabet == "".join(sorted(set("hellowörld")))
    assert made.encode("ö").tolist() == [made.size - 1]


@pytest.mark.parametrize(("text", "named"), [("abcx", r"'x' \(U\+0078\) at position 3"), ("\U0001f600", r"U\+1F600")])
def test_an_unknown_character_is_named(text: str, named: str):
    with pytest.raises(InputError, match=named):
        Characters("abc").encode(text)


@pytest.mark.parametrize("alphabet", ["", "aa"])
def test_an_alphabet_has_every_character_once(alphabet: str):
    with pytest.raises(InputError, match="each once"):
        Characters(alphabet)


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="needs ../shared/data/tinyshakespeare.txt")
def test_a_megabyte_takes_no_loop_in_python():
    text = SHAKESPEARE.read_text("utf-8")
    made = Characters.of([text])
    assert made.size == 65
    started = time.process_time()
    assert made.decode(made.encode(text)) == text
    assert time.process_time() - started < 1
