"""BEiT equals timm's on random weights, which load strictly in both directions by `weights.timm`."""

import pytest
import torch
from tests.hollow import hollow

from smalti.models import create_model, list_models
from smalti.weights import from_timm, to_timm

timm = pytest.importorskip("timm")

SIZES = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4, "num_classes": 7}
PRESETS = ["beit_base_patch16_224", "beitv2_base_patch16_224"]


def pair(name: str):
    torch.manual_seed(0)
    a = create_model(name, **SIZES).eval()
    b = timm.create_model(name, **SIZES).eval()
    for parameter in b.parameters():  # biases start at zero, which would hide what they do
        torch.nn.init.normal_(parameter, std=0.2)
    return a, b


def relative(x, y):
    return ((x - y).abs().max() / y.abs().max()).item()


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("kernel", ["fused", "explicit"])
def test_equals_timm(name: str, kernel: str):
    ours, theirs = pair(name)
    ours.load_state_dict(from_timm(theirs.state_dict(), "beit"), strict=True)
    images = torch.randn(3, 3, 32, 48)
    with torch.set_grad_enabled(kernel == "explicit"):  # gradients choose the explicit attention on a CPU
        assert relative(ours(images), theirs(images)) <= 2e-6
        x = y = ours.embed(images)
        for mine, his in zip(ours.blocks, theirs.blocks, strict=True):
            x, y = mine(x), his(y)
            assert relative(x, y) <= 2e-6


@pytest.mark.parametrize("name", PRESETS)
def test_timm_loads_our_weights(name: str):
    ours, theirs = pair(name)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # a bias on keys too, which timm has not
    theirs.load_state_dict(to_timm(ours.state_dict(), "beit"), strict=True)
    images = torch.randn(2, 3, 32, 48)
    with torch.no_grad():
        assert relative(ours(images), theirs(images)) <= 1e-5


@pytest.mark.parametrize("name", list_models("beit*"))
def test_presets_have_timms_parameters(name: str):
    with hollow():
        ours, theirs = create_model(name), timm.create_model(name)
    names = {key: tuple(tensor.shape) for key, tensor in to_timm(ours.state_dict(), "beit").items()}
    assert names == {key: tuple(tensor.shape) for key, tensor in theirs.state_dict().items()}


def test_other_families_have_one_set_of_names():
    state = create_model("vit_nano_patch4_32", layer_scale=0.1).state_dict()
    assert to_timm(state, "vit").keys() == state.keys() == from_timm(state, "vit").keys()


def test_a_bias_on_rotated_keys_is_not_dropped():
    """It changes answers, and no model of timm's has it: names that do not load are better than a silent difference."""
    state = create_model("vit_nano_patch4_32", pos_embed="none", rope="tokens").state_dict()
    state["blocks.0.attn.qkv.bias"].fill_(0.1)
    assert "blocks.0.attn.qkv.bias" in to_timm(state, "vit")
