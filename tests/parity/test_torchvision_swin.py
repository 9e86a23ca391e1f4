"""Windows that do not fill a grid: it is padded, then shifted, as torchvision has it."""

import pytest
import torch

from smalti._torchvision import torchvision
from smalti.nn import WindowAttention


@pytest.mark.parametrize(("grid_size", "window"), [((8, 8), 4), ((10, 10), 4), ((9, 5), 3), ((11, 9), 4), ((3, 10), 4)])
def test_shifted_windows_equal_torchvisions(grid_size: tuple[int, int], window: int):
    torch.manual_seed(0)
    shift, sides = window // 2, [min(window, side) for side in grid_size]
    ours = WindowAttention(8, 2, grid_size=grid_size, window=window, shift=shift)
    theirs = torchvision.models.swin_transformer.ShiftedWindowAttention(8, sides, [shift, shift], 2)
    for one in ("qkv", "proj"):
        getattr(theirs, one).load_state_dict(getattr(ours, one).state_dict())
    torch.nn.init.normal_(ours.rel_bias.table)
    theirs.relative_position_bias_table = ours.rel_bias.table
    x = torch.randn(2, *grid_size, 8)
    with torch.no_grad():
        found, expected = ours(x.flatten(1, 2)).unflatten(1, grid_size), theirs(x)
    assert (found - expected).abs().max() <= 2e-6 * expected.abs().max()
