"""Resized patch weights answer for scaled pixels as the old ones did for theirs; positions and weights equal timm's."""

import pytest
import torch
import torch.nn.functional as F

from smalti.embed import resize_patches, resize_positions
from smalti.embed.resize import resize_matrix

GRIDS = [((7, 7), (14, 14)), ((14, 14), (7, 7)), ((4, 6), (5, 9)), ((9, 3), (4, 8)), ((1, 1), (3, 3)), ((5, 5), (1, 1))]


def scaled(images: torch.Tensor, side: int) -> torch.Tensor:
    return F.interpolate(images, (side, side), mode="bicubic", antialias=True)


@pytest.mark.parametrize(("old", "new"), GRIDS)
@pytest.mark.parametrize("prefix", [0, 2])
def test_positions_equal_timms(old: tuple[int, int], new: tuple[int, int], prefix: int):
    layers = pytest.importorskip("timm.layers")
    table = torch.randn(1, prefix + old[0] * old[1], 24, generator=torch.Generator().manual_seed(0))
    expected = layers.resample_abs_pos_embed(table, list(new), list(old), num_prefix_tokens=prefix)
    torch.testing.assert_close(resize_positions(table, old, new, prefix), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("old", "new"), GRIDS)
def test_positions_without_antialiasing_equal_torchs(old: tuple[int, int], new: tuple[int, int]):
    table = torch.randn(1, old[0] * old[1], 24, generator=torch.Generator().manual_seed(0))
    maps = table.unflatten(1, old).permute(0, 3, 1, 2)
    expected = F.interpolate(maps, new, mode="bicubic", antialias=False).flatten(2).transpose(1, 2)
    torch.testing.assert_close(resize_positions(table, old, new, antialias=False), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("old", "new"), [(8, 16), (16, 8), (16, 10), (10, 15), (4, 3), (1, 4)])
def test_patch_weights_equal_timms(old: int, new: int):
    layers = pytest.importorskip("timm.layers")
    weight = torch.randn(6, 3, old, old, generator=torch.Generator().manual_seed(0))
    expected = layers.resample_patch_embed(weight, [new, new])
    found = resize_patches(weight, new)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(("old", "new"), [(4, 8), (8, 9), (6, 16)])
def test_larger_patches_of_a_scaled_picture_give_the_same_tokens(old: int, new: int):
    torch.manual_seed(0)
    weight, patches = torch.randn(6, 3, old, old), torch.randn(50, 3, old, old)
    expected = torch.einsum("bchw,dchw->bd", patches, weight)
    found = torch.einsum("bchw,dchw->bd", scaled(patches, new), resize_patches(weight, new))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_smaller_patches_come_nearer_than_weights_scaled_like_pictures():
    torch.manual_seed(0)
    weight, patches = torch.randn(6, 3, 8, 8), scaled(torch.randn(50, 3, 4, 4), 8)  # smooth, so that less is lost
    expected = torch.einsum("bchw,dchw->bd", patches, weight)
    by_inverse, like_pictures = (
        (torch.einsum("bchw,dchw->bd", scaled(patches, 4), new) - expected).square().mean()
        for new in (resize_patches(weight, 4), scaled(weight, 4))
    )
    assert by_inverse < 0.2 * like_pictures


def test_the_same_size_changes_nothing():
    table, weight = torch.randn(1, 17, 8), torch.randn(8, 3, 4, 4)
    assert resize_positions(table, (4, 4), (4, 4), 1) is table
    assert resize_patches(weight, 4) is weight


def test_gradients_come_through_also_after_inference():
    resize_matrix.cache_clear()
    table, weight = torch.randn(1, 17, 8, requires_grad=True), torch.randn(8, 3, 4, 4, requires_grad=True)
    with torch.inference_mode():  # what is kept must not be marked as inference-only
        resize_positions(table, (4, 4), (6, 6), 1), resize_patches(weight, 6)
    resize_positions(table, (4, 4), (6, 6), 1).sum().backward()
    resize_patches(weight, 6).square().sum().backward()
    assert table.grad is not None
    torch.testing.assert_close(table.grad[0].sum(), torch.tensor(8.0 * 37))  # every row of a resize sums to one
    assert weight.grad is not None
    assert (weight.grad != 0).all()


def test_bf16_stays_bf16_and_is_computed_in_fp32():
    table, weight = torch.randn(1, 16, 8), torch.randn(8, 3, 4, 4)
    positions = resize_positions(table.bfloat16(), (4, 4), (6, 6))
    assert torch.equal(positions, resize_positions(table.bfloat16().float(), (4, 4), (6, 6)).bfloat16())
    patches = resize_patches(weight.bfloat16(), 6)
    assert torch.equal(patches, resize_patches(weight.bfloat16().float(), 6).bfloat16())
