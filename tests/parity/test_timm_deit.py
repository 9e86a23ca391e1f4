"""DeiT, DeiT-III and DINOv2 equal timm's on random weights, and their weights load strictly in both directions."""

import pytest
import torch
from tests.hollow import hollow

from smalti.models import create_model, list_models
from smalti.weights import to_timm

timm = pytest.importorskip("timm")

SIZES = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4, "num_classes": 7}
THEIRS = set(timm.list_models())
PRESETS = [
    "deit_tiny_patch16_224",
    "deit_small_distilled_patch16_224",
    "deit3_small_patch16_224",
    "vit_small_patch14_dinov2",
    "vit_small_patch14_reg4_dinov2",
]


def pair(name: str):
    torch.manual_seed(0)
    a = create_model(name, **SIZES).eval()
    b = timm.create_model(name, **SIZES).eval()
    for parameter in b.parameters():  # timm's head starts at zero, which would hide everything before it
        torch.nn.init.normal_(parameter, std=0.2)
    return a, b


def relative(x, y):
    return ((x - y).abs().max() / y.abs().max()).item()


@pytest.mark.parametrize("name", PRESETS)
def test_equals_timm(name: str):
    ours, theirs = pair(name)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert relative(ours(images), theirs(images)) <= 1e-6
        x, y = ours.embed(images), theirs._pos_embed(theirs.patch_embed(images))
        for mine, his in zip(ours.blocks, theirs.blocks, strict=True):
            x, y = mine(x), his(y)
            assert relative(x, y) <= 1e-6
        assert relative(ours.forward_features(images), theirs.forward_features(images)) <= 1e-6
        pooled = theirs.forward_head(theirs.forward_features(images), pre_logits=True)
        assert relative(ours.forward_pooled(images), pooled) <= 1e-6
    theirs.load_state_dict(ours.state_dict(), strict=True)


@pytest.mark.parametrize("name", [name for name in list_models("deit*") + list_models("*dinov2") if name in THEIRS])
def test_presets_have_timms_shapes(name: str):
    with hollow():
        ours, theirs = create_model(name), timm.create_model(name)
    shapes = {key: tuple(tensor.shape) for key, tensor in to_timm(ours.state_dict(), "vit").items()}
    assert shapes == {key: tuple(tensor.shape) for key, tensor in theirs.state_dict().items()}


def test_every_preset_named_like_timms_is_timms():
    assert set(list_models("deit*") + list_models("*dinov2")) <= THEIRS


def test_both_heads_of_a_distilled_model_are_read():
    ours, _ = pair("deit_small_distilled_patch16_224")
    torch.nn.init.normal_(ours.head.weight)
    torch.nn.init.normal_(ours.head_dist.weight)
    with torch.no_grad():
        tokens = ours.forward_features(torch.randn(2, 3, 32, 32))
        labelled, taught = ours.forward_heads(tokens)
        torch.testing.assert_close(ours.forward_head(tokens), (labelled + taught) / 2)
        assert not torch.allclose(labelled, taught)
