"""Attention that begins as trained attention looks."""

import pytest
import torch

from smalti.models import create_model
from smalti.nn import Attention, attention_maps, mimetic_, sincos_2d


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    made = Attention(128, 4).requires_grad_(False)
    mimetic_(made)
    return made


def test_queries_agree_with_keys_of_the_same_token(attention):
    queries, keys, _ = attention.qkv.weight.view(3, 4, 32, 128)
    product = queries.mT @ keys
    same = product.diagonal(dim1=1, dim2=2)
    assert same.mean() == pytest.approx(0.31, abs=0.02)
    assert (product.sum((1, 2)) - same.sum(1)).abs().max() / (128 * 127) < 0.01


def test_values_are_taken_off_again(attention):
    values = attention.qkv.weight.view(3, 128, 128)[2]
    product = attention.proj.weight @ values
    assert product.diagonal().mean() == pytest.approx(-0.4, abs=0.02)
    assert (product + 0.4 * torch.eye(128)).std() == pytest.approx(0.4 * 128**-0.5, rel=0.1)


def test_tokens_look_at_tokens_like_themselves_and_random_ones_do_not():
    torch.manual_seed(0)
    images = torch.randn(2, 3, 32, 32)
    shares = {}
    for init in ("random", "mimetic"):
        model = create_model("cct_mini_patch4_32", init=init).eval()
        with attention_maps(model) as maps, torch.no_grad():
            model(images)
        shares[init] = maps["blocks.3.attn"].diagonal(dim1=2, dim2=3).mean().item()
    assert shares["random"] < 0.02  # of 64 tokens
    assert shares["mimetic"] > 0.05


@pytest.mark.parametrize("preset", ["vit_nano_patch4_32", "cct_nano_patch4_32"])
def test_positions_begin_as_half_of_the_fixed_ones(preset):
    model = create_model(preset, init="mimetic")
    positions = model.pos_embed[0, model.num_prefix_tokens :]
    assert torch.equal(positions, sincos_2d(model.grid_size, 64) / 2)


def test_any_width_begins_so():
    """Fixed positions come in fours; of a width that is no multiple the last ones are left out."""
    model = create_model("vit_nano_patch4_32", embed_dim=66, num_heads=6, num_classes=3)
    positions = model.pos_embed[0, model.num_prefix_tokens :]
    assert torch.equal(positions, sincos_2d(model.grid_size, 68)[:, :66] / 2)
    assert model(torch.randn(1, 3, 32, 32)).shape == (1, 3)
