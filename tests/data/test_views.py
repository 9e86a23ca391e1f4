import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.data.views import PLAIN, Views
from smalti.errors import InputError

IMAGES = torch.randn(2, 3, 9, 12, generator=torch.Generator().manual_seed(0))


@given(mirror=st.booleans(), shift=st.integers(0, 3))
def test_the_picture_itself_comes_first_and_the_length_is_the_count(mirror: bool, shift: int):
    views = Views(mirror, shift)
    shown = views(IMAGES)
    assert shown[0] is IMAGES
    assert len(shown) == len(views)
    assert {view.shape for view in shown} == {IMAGES.shape}
    assert len({view.numpy().tobytes() for view in shown}) == len(views)


def test_plain_is_one_view():
    assert len(PLAIN) == len(PLAIN(IMAGES)) == 1


def test_shifts_move_up_left_and_down_right():
    _, up_left, down_right = Views(shift=2)(IMAGES)
    assert torch.equal(up_left[..., :-2, :-2], IMAGES[..., 2:, 2:])
    assert torch.equal(down_right[..., 2:, 2:], IMAGES[..., :-2, :-2])
    assert torch.equal(down_right[..., 2:, 0], IMAGES[..., :-2, 2])  # mirrored at the edge


def test_mirror_turns_every_view():
    shown = Views(mirror=True, shift=1)(IMAGES)
    for view, mirrored in zip(shown[:3], shown[3:], strict=True):
        assert torch.equal(mirrored, view.flip(-1))


def test_a_negative_shift_is_refused():
    with pytest.raises(InputError, match=r"views.shift = -1"):
        Views(shift=-1)
