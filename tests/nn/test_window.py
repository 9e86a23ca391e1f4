"""Attention in windows sees its window, wherever that lies, and nothing else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.nn import WindowAttention, attention_maps
from smalti.nn.window import from_windows, shift_mask, to_windows

SIDE = st.integers(1, 3)


@settings(max_examples=30)
@given(B=SIDE, rows=SIDE, columns=SIDE, m=SIDE, k=SIDE)
def test_from_windows_returns_the_grid(B: int, rows: int, columns: int, m: int, k: int):
    grid = torch.randn(B, rows * m, columns * k, 2)
    windows = to_windows(grid, (m, k))
    assert windows.shape == (B * rows * columns, m * k, 2)
    assert torch.equal(windows[0], grid[0, :m, :k].flatten(0, 1))
    assert torch.equal(from_windows(windows, (m, k), (rows * m, columns * k)), grid)


def seen_by(attention: WindowAttention, row: int, column: int) -> torch.Tensor:
    """(h, w) bool: the tokens that the output at a place depends on."""
    h, w = attention.grid_size
    x = torch.randn(1, h * w, 8, requires_grad=True)
    attention(x)[0, row * w + column].sum().backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(1).view(h, w) > 0


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 4), (7, 11)])
def test_a_token_sees_its_window_only(row: int, column: int):
    torch.manual_seed(0)
    attention = WindowAttention(8, 2, grid_size=(8, 12), window=4)
    expected = torch.zeros(8, 12, dtype=torch.bool)
    expected[row // 4 * 4 : row // 4 * 4 + 4, column // 4 * 4 : column // 4 * 4 + 4] = True
    assert torch.equal(seen_by(attention, row, column), expected)


@pytest.mark.parametrize(
    ("row", "column", "rows", "columns"),
    [
        (3, 4, slice(2, 6), slice(2, 6)),
        (0, 0, slice(0, 2), slice(0, 2)),  # the corner stands alone: nothing comes round the edge
        (7, 3, slice(6, 8), slice(2, 6)),
        (1, 11, slice(0, 2), slice(10, 12)),
    ],
)
def test_shifted_windows_do_not_reach_round_the_edge(row: int, column: int, rows: slice, columns: slice):
    torch.manual_seed(0)
    attention = WindowAttention(8, 2, grid_size=(8, 12), window=4, shift=2)
    expected = torch.zeros(8, 12, dtype=torch.bool)
    expected[rows, columns] = True
    assert torch.equal(seen_by(attention, row, column), expected)


def test_a_grid_smaller_than_a_window_is_the_window_and_is_not_shifted():
    attention = WindowAttention(8, 2, grid_size=(3, 3), window=7, shift=3)
    assert attention.shifted is None
    assert attention(torch.randn(2, 9, 8)).shape == (2, 9, 8)


def test_any_grid():
    attention = WindowAttention(8, 2, grid_size=(5, 9), window=4, shift=2)
    assert attention(torch.randn(2, 45, 8)).shape == (2, 45, 8)


def test_every_token_sees_itself():
    mask = shift_mask((8, 12), (4, 4), (2, 2))
    assert mask.shape == (6, 16, 16)
    assert mask.diagonal(dim1=1, dim2=2).all()


def test_maps_of_windows_can_be_had():
    attention = WindowAttention(8, 2, grid_size=(8, 8), window=4, shift=2)
    with attention_maps(attention) as maps, torch.no_grad():
        attention(torch.randn(3, 64, 8))
    (found,) = maps.values()
    assert found.shape == (12, 2, 16, 16)
    torch.testing.assert_close(found.sum(-1), torch.ones(12, 2, 16))
