import numpy as np
import pytest

from smalti.errors import InputError
from smalti.tokenizers import Bytes, Characters, enclosed, encode_marked


@pytest.mark.parametrize("made", [Characters("abc", ("mask", "end")), Bytes(("mask", "end"))])
def test_special_ids_stand_behind_the_ordinary_ones(made):
    assert made.special("mask") == made.size
    assert made.special("end") == made.size + 1 == made.vocab_size - 1
    with pytest.raises(InputError, match=r'no special id "start".*mask, end'):
        made.special("start")


def test_padding_and_special_ids_have_no_text():
    letters = Characters("abc", ("mask",))
    assert letters.decode([0, -1, 3, 2, -7]) == "ac"
    with pytest.raises(InputError, match="id 4 is not in a vocabulary of 4"):
        letters.decode([4])


def test_marks_stand_for_the_special_ids_there_are():
    made = Bytes(("mask", "start"))
    assert encode_marked(made, "[START]a[MASK]").tolist() == [257, 97, 256]
    assert encode_marked(made, "[END]").tolist() == list(b"[END]")
    assert encode_marked(Bytes(), "[MASK]").tolist() == list(b"[MASK]")
    np.testing.assert_array_equal(encode_marked(made, "no mark"), made.encode("no mark"))


def test_a_text_is_enclosed_where_there_are_ids_for_it_and_cut_within():
    made, ids = Bytes(("start", "end")), np.arange(5)
    assert enclosed(made, ids).tolist() == [256, 0, 1, 2, 3, 4, 257]
    assert enclosed(made, ids, 4).tolist() == [256, 0, 1, 257]
    assert enclosed(Bytes(("start",)), ids, 4).tolist() == [0, 1, 2, 3]


def test_special_ids_that_are_added_leave_the_others_where_they_are():
    made = Characters("abc", ("mask",)).with_specials("start", "mask", "end")
    assert made == Characters("abc", ("mask", "start", "end"))
    assert made.with_specials("mask") is made


def test_a_special_name_comes_once():
    with pytest.raises(InputError, match="name one twice"):
        Bytes(("mask", "mask"))
