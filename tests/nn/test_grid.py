"""A convolution over tokens as they lie in the picture."""

import pytest
import torch
import torch.nn.functional as F

from smalti.nn import GridConv


def made(dim: int = 6, grid_size: tuple[int, int] = (3, 5)) -> GridConv:
    torch.manual_seed(0)
    return GridConv(dim, grid_size)


def test_it_is_the_convolution_of_the_picture_that_the_tokens_are():
    conv, image = made(), torch.randn(2, 6, 3, 5)
    expected = F.conv2d(image, conv.conv.weight, padding=1)
    tokens = torch.stack([image[:, :, y, x] for y in range(3) for x in range(5)], dim=1)
    found = conv(tokens)
    assert found.shape == tokens.shape
    torch.testing.assert_close(found[:, 7], expected[:, :, 1, 2])
    torch.testing.assert_close(found, expected.flatten(2).transpose(1, 2))


def test_a_token_hears_of_its_neighbours_and_of_nobody_else():
    tokens = torch.randn(1, 15, 6, requires_grad=True)
    (seen,) = torch.autograd.grad(made()(tokens)[0, 5].sum(), tokens)  # row 1, column 0
    assert seen[0].any(dim=1).nonzero().flatten().tolist() == [0, 1, 5, 6, 10, 11]


def test_rotary_angles_change_nothing():
    conv, tokens = made(), torch.randn(1, 15, 6)
    assert torch.equal(conv(tokens), conv(tokens, rope=torch.randn(2, 15, 6), mask=None))


def test_tokens_that_do_not_fill_the_grid_are_an_error():
    with pytest.raises(RuntimeError, match="unflatten"):
        made()(torch.randn(1, 16, 6))
