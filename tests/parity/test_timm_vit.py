"""Plain ViTs equal timm's on random weights, and weights load strictly in both directions."""

import pytest
import torch
from tests.hollow import hollow

from smalti.models import create_model, list_models
from smalti.weights import from_timm, to_ours, to_timm

timm = pytest.importorskip("timm")
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

SIZES = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4, "num_classes": 7}
CASES = {  # our options, timm's options
    "class token": ({}, {}),
    "mean pool": ({"pool": "mean"}, {"global_pool": "avg"}),
    "mean pool without class token": (
        {"pool": "mean", "cls_token": False},
        {"global_pool": "avg", "class_token": False},
    ),
    "LayerScale": ({"layer_scale": 0.1}, {"init_values": 0.1}),
    "qk-norm": ({"qk_norm": True}, {"qk_norm": True}),
    "no qkv bias": ({"qkv_bias": False}, {"qkv_bias": False}),
    "map pool": ({"pool": "map"}, {"global_pool": "map", "pool_include_prefix": True}),
    "map pool without class token": ({"pool": "map", "cls_token": False}, {"global_pool": "map", "class_token": False}),
    "no positions": ({"pos_embed": "none"}, {"pos_embed": "none"}),
    "no positions, LayerScale": (
        {"pos_embed": "none", "layer_scale": 0.1},
        {"pos_embed": "none", "init_values": 0.1},
    ),
    "grey": ({"in_chans": 1}, {"in_chans": 1}),
    "rectangle": ({"img_size": (16, 40)}, {"img_size": (16, 40)}),
    "all of it": (
        {"pool": "mean", "layer_scale": 0.1, "qk_norm": True, "in_chans": 5},
        {"global_pool": "avg", "init_values": 0.1, "qk_norm": True, "in_chans": 5},
    ),
}


def pair(ours: dict, theirs: dict):
    torch.manual_seed(0)
    a = create_model("vit_base_patch16_224", **{**SIZES, **ours}).eval()
    b = VisionTransformer(**{**SIZES, **theirs}).eval()
    for parameter in b.parameters():  # timm's head starts at zero, which would hide everything before it
        torch.nn.init.normal_(parameter, std=0.2)
    return a, b


def relative(x, y):
    return ((x - y).abs().max() / y.abs().max()).item()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kernel", ["fused", "explicit"])
def test_equals_timm(name, kernel):
    ours, theirs = pair(*CASES[name])
    ours.load_state_dict(from_timm(theirs.state_dict(), "vit"), strict=True)
    ours.load_state_dict(to_ours(theirs.state_dict(), "vit")[1], strict=True)
    images = torch.randn(3, ours.config.in_chans, *ours.config.size)
    with torch.set_grad_enabled(kernel == "explicit"):  # gradients choose the explicit attention on a CPU
        assert relative(ours(images), theirs(images)) <= 1e-6
        x, y = ours.embed(images), theirs._pos_embed(theirs.patch_embed(images))
        for mine, his in zip(ours.blocks, theirs.blocks, strict=True):
            x, y = mine(x), his(y)
            assert relative(x, y) <= 1e-6
        assert relative(ours.forward_features(images), theirs.forward_features(images)) <= 1e-6


@pytest.mark.parametrize("name", CASES)
def test_timm_loads_our_weights(name):
    ours, theirs = pair(*CASES[name])
    theirs.load_state_dict(to_timm(ours.state_dict(), "vit"), strict=True)
    torch.nn.init.normal_(ours.head.weight)
    theirs.load_state_dict(to_timm(ours.state_dict(), "vit"), strict=True)
    images = torch.randn(2, ours.config.in_chans, *ours.config.size).double()
    with torch.no_grad():  # in fp64: each rounds by 1e-6 in fp32
        assert relative(ours.double()(images), theirs.double()(images)) <= 1e-12


def test_gradients_equal_timms():
    ours, theirs = pair(*CASES["class token"])
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 32, 32)
    for model in (ours, theirs):
        model(images).square().sum().backward()
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, mine in ours.named_parameters():
        assert relative(mine.grad, expected[name]) <= 2e-5, name


def test_swiglu_equals_timms():
    from timm.layers import SwiGLU as Theirs

    from smalti.nn import SwiGLU

    ours, theirs = SwiGLU(16, 40), Theirs(16, 40)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 5, 16)
    assert relative(ours(x), theirs(x)) <= 1e-6


def test_map_pool_equals_timms():
    from timm.layers import AttentionPoolLatent

    from smalti.heads import MapPool

    ours = MapPool(16, 4, hidden_dim=64, norm=torch.nn.LayerNorm(16))
    theirs = AttentionPoolLatent(16, num_heads=4, norm_layer=torch.nn.LayerNorm, act_layer=torch.nn.GELU)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 9, 16)
    assert relative(ours(x), theirs(x)) <= 1e-6


@pytest.mark.parametrize("name", [n for n in timm.list_models("vit_*") if n in list_models("vit_*_*_224")])
def test_published_presets_have_timms_names_and_shapes(name):
    with hollow():
        ours, theirs = create_model(name, num_classes=10), timm.create_model(name, num_classes=10)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
