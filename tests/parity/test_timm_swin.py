"""Swin equals timm's on random weights, which load strictly in both directions by `weights.timm`."""

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
    "windows as large as the last grid": ({"img_size": 112, "window": 7}, {"img_size": 112, "window_size": 7}),
    "odd grids": ({"img_size": 36, "window": 9}, {"img_size": 36, "window_size": 9}),
}


def pair(name: str):
    ours, theirs = CASES[name]
    torch.manual_seed(0)
    a = create_model("swin_tiny_patch4_window7_224", **SIZES, **ours).eval()
    b = timm.create_model("swin_tiny_patch4_window7_224", **SIZES, **theirs).eval()
    for parameter in b.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return a, b


def relative(x, y):
    return ((x - y).abs().max() / y.abs().max()).item()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kernel", ["fused", "explicit"])
def test_equals_timm(name: str, kernel: str):
    ours, theirs = pair(name)
    ours.load_state_dict(from_timm(theirs.state_dict(), "swin"), strict=True)
    images = torch.randn(3, 3, *ours.config.size)
    with torch.set_grad_enabled(kernel == "explicit"):  # gradients choose the explicit attention on a CPU
        assert relative(ours(images), theirs(images)) <= 5e-6
        x, y = ours.patch_embed(images), theirs.patch_embed(images)
        for mine, his in zip(ours.layers, theirs.layers, strict=True):
            x, y = mine.downsample(x), his.downsample(y)
            for block, other in zip(mine.blocks, his.blocks, strict=True):
                x, y = block(x), other(y)
                assert relative(x, y.flatten(1, 2)) <= 5e-6


def test_timm_loads_our_weights():
    ours, theirs = pair("shifted windows")
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    theirs.load_state_dict(to_timm(ours.state_dict(), "swin"), strict=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert relative(ours(images), theirs(images)) <= 5e-6


def test_drop_path_ramps_over_the_blocks_of_all_stages():
    model = create_model("swin_mini_patch2_window4_32", drop_path_rate=0.7)
    rates = [getattr(block.residual.drop_path, "rate", 0.0) for stage in model.layers for block in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])


@pytest.mark.parametrize("name", list_models("swin_*window7*") + list_models("swin_*window12*"))
def test_presets_have_timms_parameters(name: str):
    with hollow():
        ours, theirs = create_model(name), timm.create_model(name)
    names = {key: tuple(tensor.shape) for key, tensor in to_timm(ours.state_dict(), "swin").items()}
    assert names == {key: tuple(tensor.shape) for key, tensor in theirs.state_dict().items()}
