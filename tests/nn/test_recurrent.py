"""The cells are their equations; what torch's layers do is in tests/parity."""

import pytest
import torch

from smalti.nn import FUSED, Recurrence
from smalti.nn.recurrent import CELLS, elman, gru, lstm


def test_elman():
    x, r = torch.randn(2, 3, 5)
    (h,) = elman(x, r, (torch.randn(3, 5),))
    torch.testing.assert_close(h, torch.tanh(x + r))


def test_an_lstm_with_its_gates_open_or_shut():
    h, c = torch.randn(2, 3, 5)
    shut, wide, news = -torch.full((3, 5), 50.0), torch.full((3, 5), 50.0), torch.randn(3, 5)
    nothing = torch.zeros(3, 20)
    _, kept = lstm(torch.cat([shut, wide, news, wide], 1), nothing, (h, c))
    torch.testing.assert_close(kept, c)
    said, fresh = lstm(torch.cat([wide, shut, news, shut], 1), nothing, (h, c))
    torch.testing.assert_close(fresh, news.tanh())
    assert said.abs().max() < 1e-6


def test_a_gru_keeps_or_renews():
    h, news, old = torch.randn(3, 3, 5)
    shut, wide, nothing = -torch.full((3, 5), 50.0), torch.full((3, 5), 50.0), torch.zeros(3, 5)
    (kept,) = gru(torch.cat([nothing, wide, news], 1), torch.zeros(3, 15), (h,))
    torch.testing.assert_close(kept, h)
    (fresh,) = gru(torch.cat([wide, shut, news], 1), torch.cat([nothing, nothing, old], 1), (h,))
    torch.testing.assert_close(fresh, (news + old).tanh())
    (alone,) = gru(torch.cat([shut, shut, news], 1), torch.cat([nothing, nothing, old], 1), (h,))
    torch.testing.assert_close(alone, news.tanh())


@pytest.mark.parametrize("cell", CELLS)
def test_own_and_fused_layers_have_the_same_parameters(cell):
    own, fused = Recurrence(cell, 6, 8, 2), FUSED[cell](6, 8, 2)
    shapes = [{name: tuple(t.shape) for name, t in module.state_dict().items()} for module in (own, fused)]
    assert shapes[0] == shapes[1]
