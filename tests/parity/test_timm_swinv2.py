"""Swin V2 equals timm's on random weights, which load strictly in both directions by `weights.timm`."""

import pytest
import torch
from tests.hollow import hollow

from smalti.models import create_model, list_models
from smalti.weights import from_timm, to_timm

timm = pytest.importorskip("timm")

SIZES = {"embed_dim": 16, "depths": (2, 2, 2), "num_heads": (2, 4, 8), "num_classes": 7}
CASES = {  # ours, timm's
    "shifted windows": ({"img_size": 64, "window": 4}, {"img_size": 64, "window_size": 4}),
    "a rectangle": ({"img_size": (64, 96), "window": 4}, {"img_size": (64, 96), "window_size": 4}),
    "windows as large as the last grid": ({"img_size": 128, "window": 8}, {"img_size": 128, "window_size": 8}),
    "trained in other windows": (
        {"img_size": 64, "window": 8, "trained_windows": (6, 4, 1)},
        {"img_size": 64, "window_size": 8, "pretrained_window_sizes": (6, 4, 1)},
    ),
    "no bias on queries and values": (
        {"img_size": 32, "window": 4, "qkv_bias": False},
        {"img_size": 32, "window_size": 4, "qkv_bias": False},
    ),
}


def pair(name: str):
    ours, theirs = CASES[name]
    torch.manual_seed(0)
    a = create_model("swinv2_tiny_window8_256", **{**SIZES, "trained_windows": (), **ours}).eval()
    b = timm.create_model("swinv2_tiny_window8_256", **SIZES, **theirs).eval()
    randomise(b)
    return a, b


def randomise(model):
    """No weight where it starts: zero norms would hide the blocks. Scales lie around their first value, 10."""
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, 2.3 if name.endswith("logit_scale") else 0.0, std=0.2)


def relative(x, y):
    return ((x - y).abs().max() / y.abs().max()).item()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kernel", ["fused", "explicit"])
def test_equals_timm(name: str, kernel: str):
    ours, theirs = pair(name)
    ours.load_state_dict(from_timm(theirs.state_dict(), "swinv2"), strict=True)
    images = torch.randn(3, 3, *ours.config.size)
    with torch.set_grad_enabled(kernel == "explicit"):  # gradients choose the explicit attention on a CPU
        assert relative(ours(images), theirs(images)) <= 1e-5
        x, y = ours.patch_embed(images), theirs.patch_embed(images)
        for mine, his in zip(ours.layers, theirs.layers, strict=True):
            x, y = mine.downsample(x), his.downsample(y)
            for block, other in zip(mine.blocks, his.blocks, strict=True):
                x, y = block(x), other(y)
                assert relative(x, y.flatten(1, 2)) <= 1e-5


@pytest.mark.parametrize("name", ["shifted windows", "no bias on queries and values"])
def test_timm_loads_our_weights(name: str):
    ours, theirs = pair(name)
    randomise(ours)  # the middle third of the bias too, which says nothing
    theirs.load_state_dict(to_timm(ours.state_dict(), "swinv2"), strict=True)
    images = torch.randn(2, 3, *ours.config.size)
    with torch.no_grad():
        assert relative(ours(images), theirs(images)) <= 1e-5


def test_gradients_equal_timms():
    ours, theirs = pair("shifted windows")
    ours.load_state_dict(from_timm(theirs.state_dict(), "swinv2"), strict=True)
    images = torch.randn(2, 3, 64, 64)
    for model in (ours, theirs):
        model(images).square().sum().backward()
    expected = from_timm({name: parameter.grad for name, parameter in theirs.named_parameters()}, "swinv2")
    for name, mine in ours.named_parameters():
        assert relative(mine.grad, expected[name]) <= 1e-4, name


@pytest.mark.parametrize("name", [name for name in list_models("swinv2*") if "mini" not in name])
def test_presets_have_timms_parameters(name: str):
    with hollow():
        ours, theirs = create_model(name), timm.create_model(name)
    names = {key: tuple(tensor.shape) for key, tensor in to_timm(ours.state_dict(), "swinv2").items()}
    assert names == {key: tuple(tensor.shape) for key, tensor in theirs.state_dict().items()}
