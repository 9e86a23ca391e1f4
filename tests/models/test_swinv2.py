"""Swin V2: what is its own beside V1."""

import pytest
import torch
import torch.nn.functional as F
from tests.hollow import hollow
from tests.learning import last_loss

from smalti.errors import InputError
from smalti.models import create_model, list_models, preset_config
from smalti.nn import ExactLinear

TINY = {
    "img_size": 32,
    "embed_dim": 16,
    "depths": (2, 2),
    "num_heads": (2, 4),
    "window": 4,
    "num_classes": 5,
    "trained_windows": (),
}


def tiny(**options):
    torch.manual_seed(0)
    return create_model("swinv2_tiny_window8_256", **{**TINY, **options})


def test_fresh_blocks_add_nothing():
    model = tiny().eval()
    x = torch.randn(2, 64, 16)
    for block in model.layers[0].blocks:
        assert torch.equal(block(x), x)


def test_what_merges_neighbours_is_normed_behind():
    x = tiny().layers[1].downsample(torch.randn(2, 64, 16) * 50)
    torch.testing.assert_close(x.mean(-1), torch.zeros(2, 16), rtol=0, atol=1e-5)
    torch.testing.assert_close(x.var(-1, correction=0), torch.ones(2, 16), rtol=0, atol=1e-3)


def test_learns_one_batch():
    model = tiny().train()
    images, labels = torch.randn(8, 3, 32, 32), torch.arange(8) % 5
    loss = last_loss(model, lambda: F.cross_entropy(model(images), labels), lr=1e-2, limit=0.05, steps=100)
    assert loss < 0.05
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        if name.endswith("qkv.bias"):
            assert not parameter.chunk(3)[1].any(), name  # keys have no bias to learn


def test_weights_of_another_window_fit():
    small, large = tiny(), tiny(img_size=64, window=8, trained_windows=(4, 4))
    large.load_state_dict(small.state_dict(), strict=True)
    assert large.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 5)


@pytest.mark.parametrize("name", list_models("swin*"))
def test_every_preset_runs(name):
    depths = tuple(min(depth, 2) for depth in preset_config(name)[1].depths)  # blocks behind these repeat the two
    with hollow():
        model = create_model(name, num_classes=3, depths=depths)
    assert model(torch.empty(2, 3, *model.config.size, device="meta")).shape == (2, 3)
    exact = [path for path, module in model.named_modules() if isinstance(module, ExactLinear)]
    assert exact[-1] == "head.fc"


def test_windows_of_pre_training_are_one_a_stage():
    with pytest.raises(InputError, match="trained_windows"):
        tiny(trained_windows=(4, 4, 4))


@pytest.mark.parametrize("name", [name for name in list_models("swinv2*") if "to" not in name])
def test_windows_of_pre_training_are_those_of_a_presets_own_size(name):
    config = preset_config(name)[1]
    grids = [config.size[0] // config.patch_size // 2**stage for stage in range(len(config.depths))]
    assert config.trained_windows == tuple(min(config.window, grid) for grid in grids)
