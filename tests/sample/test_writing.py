import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sample.models import Reading

from smalti.sample import Until, generate, write, writing
from smalti.tokenizers import Bytes, Characters

LETTERS = Characters("abcdefghij", ("end",))


def written(*args, **options):
    return ["".join(parts) for parts in zip(*write(*args, **options), strict=True)]


def test_what_is_written_is_what_is_drawn():
    model = Reading()
    prompts = ["ab", "j"]
    ids = list(generate(model, [LETTERS.encode(p) for p in prompts], max_tokens=30, seed=1, stop={10}))
    texts = written(model, LETTERS, prompts, max_tokens=30, seed=1)
    assert texts == [LETTERS.decode([step[i] for step in ids]) for i in range(2)]
    assert max(map(len, texts)) <= 30


def test_a_stop_text_ends_it_and_is_left_out():
    whole = written(Reading(10), LETTERS, ["a", "b"], max_tokens=200)
    stop = [whole[0][20:23], whole[1][8:10]]
    for text, free in zip(written(Reading(10), LETTERS, ["a", "b"], max_tokens=200, stop=stop), whole, strict=True):
        assert free.startswith(text)
        assert not any(end in text for end in stop)
        assert free[len(text) :].startswith(tuple(stop))


def test_one_stop_text_is_a_text_not_its_letters():
    (whole,) = written(Reading(10), LETTERS, ["a"], max_tokens=200)
    (text,) = written(Reading(10), LETTERS, ["a"], max_tokens=200, stop=whole[20:23])
    assert text == whole[: whole.index(whole[20:23])]


def test_half_a_character_at_the_end_is_written_as_broken():
    model = Reading(256)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "generate", lambda *args, **options: iter_ids("é".encode() + b"\xe6"))
        assert list(write(model, Bytes(), ["x"])) == [[""], ["é"], [""], ["�"]]


def iter_ids(content: bytes):
    import numpy as np

    return (np.array([byte]) for byte in content)


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3), st.data())
def test_until_lets_pass_what_comes_before_the_first_end(text, ends, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    until = Until(ends)
    parts = [until(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    shown = "".join(parts) + until("", last=True)
    places = [place for place in map(text.find, ends) if place >= 0]
    if not places:
        assert shown == text
        assert not until.reached
    else:
        assert until.reached
        assert text.startswith(shown)
        assert not any(end in shown for end in ends)
