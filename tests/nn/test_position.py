"""A bias that is a function of the offset: what it is given, and what it makes of a larger window."""

import math

import torch

from smalti.nn import ContinuousBias, rope_2d, rotate, rotate_neighbours, sixteen_grid, turn_grid
from smalti.nn.position import log_offsets


def test_offsets_are_logarithms_row_by_row():
    found = log_offsets((2, 3), (2, 3)).view(3, 5, 2)
    unit = math.log2(9) / 3  # sign(x) log8(1 + 8 |x|) of x = 1
    half = math.log2(5) / 3
    torch.testing.assert_close(found[:, 0, 0], torch.tensor([-unit, 0, unit]))
    torch.testing.assert_close(found[1, :, 1], torch.tensor([-unit, -half, 0, half, unit]))


def test_a_larger_window_has_the_biases_of_the_smaller_one():
    torch.manual_seed(0)
    small, large = ContinuousBias((3, 3), 2), ContinuousBias((5, 6), 2, trained_size=(3, 3))
    large.load_state_dict(small.state_dict())
    whole = large().view(2, 5, 6, 5, 6)
    torch.testing.assert_close(whole[:, 1:4, 2:5, 1:4, 2:5].reshape(1, 2, 9, 9), small())
    assert 0 < whole.min() < whole.max() < 16


def test_the_bias_depends_on_the_offset_only():
    bias = ContinuousBias((4, 4), 1)().view(4, 4, 4, 4)
    torch.testing.assert_close(bias[0, 0, 2, 1], bias[1, 2, 3, 3])
    assert (bias[0, 0, 2, 1] - bias[2, 1, 0, 0]).abs() > 1e-6


def test_turns_go_from_edge_to_edge_whatever_the_grid():
    y, x = turn_grid((2, 4))
    torch.testing.assert_close(y / math.pi, torch.tensor([-1.0, 1.0], dtype=y.dtype).repeat_interleave(4))
    torch.testing.assert_close(x / math.pi, torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=x.dtype).repeat(2))
    coarse, fine = rope_2d((2, 2), 8, place=turn_grid), rope_2d((6, 6), 8, place=turn_grid)
    torch.testing.assert_close(coarse, fine.view(2, 6, 6, 8)[:, 1::3, 1::3].flatten(1, 2))  # centres that coincide


def test_neighbours_turn_as_halves_do():
    torch.manual_seed(0)
    x, rope = torch.randn(2, 3, 20, 16), rope_2d((4, 5), 16)
    order = torch.arange(16).view(2, 8).T.flatten()  # pair (i, i + 8) as neighbours
    torch.testing.assert_close(rotate_neighbours(x[..., order], rope), rotate(x, rope)[..., order])


def test_sixteen_tokens_a_side_whatever_the_grid():
    y, x = sixteen_grid((8, 32))
    assert y.view(8, 32)[:, 0].tolist() == list(range(0, 16, 2))
    assert x.view(8, 32)[0].tolist() == [i / 2 for i in range(32)]
