from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from smalti.errors import InputError
from smalti.models import create_model, list_models


@pytest.mark.parametrize("name", list_models("mlp_*"))
def test_parameters_are_those_of_its_layers(name):
    with torch.device("meta"):
        model = create_model(name, in_chans=1, num_classes=5)
    H, W = model.config.size
    dims = [H * W, *model.config.widths, 5]
    expected = sum(a * b + b for a, b in pairwise(dims))
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize(
    ("act", "function"), [("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("relu", F.relu), ("gelu", F.gelu)]
)
def test_is_linear_layers_with_the_activation_between(act, function):
    torch.manual_seed(0)
    model = create_model("mlp_small_8", widths=(7, 6, 5), act=act, num_classes=3, drop_rate=0.5).eval()
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    for layer in layers:
        torch.nn.init.normal_(layer.bias)
    images = torch.randn(4, 3, 8, 8)
    x = images.flatten(1)
    for layer in layers[:-1]:
        x = function(F.linear(x, layer.weight, layer.bias))
    torch.testing.assert_close(model.forward_pooled(images), x)
    torch.testing.assert_close(model(images), F.linear(x, layers[-1].weight, layers[-1].bias))


@pytest.mark.parametrize("act", ["tanh", "relu", "gelu"])
def test_activations_keep_their_size_over_many_layers(act):
    torch.manual_seed(0)
    model = create_model("mlp_small_8", widths=(256,) * 8, act=act, num_classes=0)
    assert 0.05 < model(torch.randn(64, 3, 8, 8)).std(0).mean() < 2


def test_learns_one_batch():
    torch.manual_seed(0)
    model = create_model("mlp_small_8", num_classes=5)
    images, labels = torch.randn(16, 3, 8, 8), torch.arange(16) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(60):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"widths": ()}, r"widths = \(\) is not one number or several"),
        ({"widths": (8, 0)}, "widths"),
        ({"act": "swish"}, "act = 'swish' is not one of sigmoid, tanh, relu, gelu"),
        ({"drop_rate": 1.0}, "drop_rate"),
        ({"depth": 3}, 'no setting "depth"'),
    ],
)
def test_errors_at_construction(options, says):
    with pytest.raises(InputError, match=says):
        create_model("mlp_small_8", **options)
