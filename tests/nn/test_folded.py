"""A folded module answers as before, and computes once what is alike for every picture."""

import copy

import pytest
import torch
from torch import nn

from smalti.models import create_model
from smalti.nn import Attention, Block, LayerScale, Mlp, ResPostNormResidual, attention_maps
from smalti.nn.folded import FixedBias, folded

IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def network(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    made = create_model(name, num_classes=7, **options).eval()
    for parameter in made.parameters():  # nothing stays where it starts, the third of a bias that keys have no more
        nn.init.normal_(parameter, std=0.2)
    return made


@pytest.mark.parametrize(
    ("name", "options", "biases"),
    [
        ("vit_nano_patch4_32", {"layer_scale": 0.3}, 0),
        ("vit_nano_patch4_32", {"rel_bias": True, "layer_scale": 0.3}, 6),
        ("vit_nano_patch4_32", {"rel_bias": True, "img_size": 128}, 0),  # larger than the weights
        ("swin_mini_patch2_window4_32", {}, 8),
        ("swin_mini_patch2_window4_32", {"img_size": (36, 44)}, 8),
        ("swinv2_mini_patch2_window4_32", {}, 8),
        ("swinv2_mini_patch2_window4_32", {"qkv_bias": False}, 8),
    ],
)
def test_answers_and_maps_stay(name: str, options: dict, biases: int):
    module = network(name, **options)
    fast = folded(copy.deepcopy(module))
    images = torch.randn(3, 3, *module.config.size, generator=torch.Generator().manual_seed(1))
    for batch in (images, images[:1]):
        with torch.no_grad(), attention_maps(module) as maps, attention_maps(fast) as others:
            expected, found = module(batch), fast(batch)
        assert (found - expected).abs().max() <= 2e-6 * expected.abs().max()
        for path, expected in maps.items():
            torch.testing.assert_close(others[path], expected, rtol=1e-4, atol=1e-6)
    kinds = [type(part) for part in fast.modules()]
    assert kinds.count(FixedBias) == biases
    assert LayerScale not in kinds
    kept = sum(part.bias.numel() for part in fast.modules() if isinstance(part, FixedBias))
    assert kept <= sum(parameter.numel() for parameter in module.parameters()) / 2


def test_a_gate_behind_a_norm_stays_where_it_is():
    torch.manual_seed(0)
    gates = LayerScale(8, 0.3), LayerScale(8, 0.7)
    block = Block(
        nn.LayerNorm(8),
        Attention(8, 2),
        nn.LayerNorm(8),
        Mlp(8, 16),
        ls1=gates[0],
        ls2=gates[1],
        residual=ResPostNormResidual(),
    )
    x = torch.randn(2, 5, 8)
    expected = block(x)
    assert (block.ls1, block.ls2) == gates
    torch.testing.assert_close(folded(block)(x), expected, rtol=0, atol=0)


def test_a_finished_model_has_no_dropout_left():
    module = network("vit_nano_patch4_32", drop_rate=0.3, attn_drop=0.3, drop_path_rate=0.1)
    fast = folded(copy.deepcopy(module))
    assert not [part for part in fast.modules() if isinstance(part, nn.Dropout)]
    images = torch.randn(3, 3, *module.config.size)
    with torch.inference_mode():
        torch.testing.assert_close(fast(images), module(images), rtol=1e-5, atol=1e-5)
