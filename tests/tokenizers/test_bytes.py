import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.errors import InputError
from smalti.tokenizers import Bytes


@given(st.text())
def test_every_text_comes_back(text: str):
    ids = Bytes().encode(text)
    assert ids.tolist() == list(text.encode())
    assert Bytes().decode(ids) == text


@given(st.binary())
def test_every_file_comes_back_by_way_of_surrogateescape(content: bytes):
    ids = Bytes().encode(content.decode("utf-8", "surrogateescape"))
    assert Bytes().to_bytes(ids) == content


def test_what_no_utf8_can_write_is_refused():
    with pytest.raises(InputError, match=r"U\+D800 at position 1"):
        Bytes().encode("a\ud800")


def test_broken_bytes_decode_to_the_replacement_character():
    assert Bytes().decode([97, 0xC3, 98]) == "a�b"
