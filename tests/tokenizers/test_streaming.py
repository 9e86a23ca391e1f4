from hypothesis import given
from hypothesis import strategies as st

from smalti.tokenizers import BPE, Bytes, Characters, Streaming


@given(st.text(min_size=1))
def test_parts_join_to_the_text(text: str):
    for made in (Bytes(), Characters.of([text])):
        write = Streaming(made)
        assert "".join([write([i]) for i in made.encode(text)]) + write([], last=True) == text


def test_half_a_character_is_held_back():
    write = Streaming(Bytes())
    assert [write([byte]) for byte in "é".encode()] == ["", "é"]
    assert write([0xE6]) == ""
    assert write([], last=True) == "�"


@given(st.lists(st.integers(0, 257)))
def test_any_ids_stream_to_what_they_decode_to(ids: list[int]):
    made = BPE(((0xC3, 0xA9), (0xE6, 0x97)))
    write = Streaming(made)
    assert "".join([write([i]) for i in ids]) + write([], last=True) == made.decode(ids)
