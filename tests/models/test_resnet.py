"""The wrapped network is torchvision's: the same parameters, the same outputs."""

import pytest
import torch
from torch import nn

from smalti._torchvision import torchvision
from smalti.errors import InputError
from smalti.models import create_model, list_models


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("arch", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_published_parameter_counts(arch):
    with torch.device("meta"):
        reference = getattr(torchvision.models, arch)()
        model = create_model(f"{arch}_224")
        grey = create_model(f"{arch}_224", in_chans=1, num_classes=7)
    assert count(model) == count(reference)
    width = reference.fc.in_features
    assert count(grey) == count(reference) - 2 * 64 * 49 - (1000 - 7) * (width + 1)


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_on_the_weights_of_torchvision_it_answers_as_torchvision(arch):
    torch.manual_seed(0)
    reference = getattr(torchvision.models, arch)().eval()
    for name, buffer in reference.named_buffers():
        if name.endswith("running_mean"):
            torch.nn.init.normal_(buffer, std=0.1)
        elif name.endswith("running_var"):
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    model = create_model(f"{arch}_224").eval()
    model.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = reference(images)
        assert (model(images) - expected).abs().max() <= 1e-5 * expected.abs().max()
        pooled = model.forward_pooled(images)
        torch.testing.assert_close(model.head(pooled), model(images))


def test_the_small_stem_keeps_the_picture():
    model = create_model("resnet18_32", in_chans=1, num_classes=3).eval()
    assert model.conv1.weight.shape == (64, 1, 3, 3)
    images = torch.randn(2, 1, 32, 32)
    assert model.layer1(model.conv1(images)).shape == (2, 64, 32, 32)
    assert model.forward_features(images).shape == (2, 512, 4, 4)
    assert model(images).shape == (2, 3)
    large = create_model("resnet18_224", in_chans=1, num_classes=3).eval()
    assert large.forward_features(images).shape == (2, 512, 1, 1)


def test_a_head_of_no_classes_gives_the_features():
    model = create_model("resnet18_32", num_classes=0).eval()
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model(images), model.forward_pooled(images))
    assert model(images).shape == (2, 512)


def test_the_last_layer_is_stored_once():
    names = create_model("resnet18_32").state_dict()
    assert [name for name in names if "head" in name or "fc" in name] == ["fc.weight", "fc.bias"]


def test_presets_and_refusals():
    assert list_models("resnet*_32") == ["resnet18_32", "resnet34_32", "resnet50_32"]
    with pytest.raises(InputError, match="stem = 'tiny' is not one of large, small"):
        create_model("resnet18_32", stem="tiny")
    with pytest.raises(InputError, match='no model is named "resnet99_224"'):
        create_model("resnet99_224")


@pytest.mark.parametrize("height", [1, 2, 5])
def test_a_column_of_pixels_has_the_gradient_that_fp32_gives_it(height):
    torch.manual_seed(0)
    conv = create_model("resnet18_224").layer4[0].conv1
    maps = torch.randn(8, 256, height, 1)
    conv(maps).square().sum().backward()
    exact, conv.weight.grad = conv.weight.grad, None
    torch.testing.assert_close(conv(maps), nn.Conv2d.forward(conv, maps))
    conv.bfloat16()
    for _ in range(3):
        junk = [torch.full((count,), 1e30) for count in (100, 10_000, 1_000_000)]  # what memory may have held
        del junk
        conv(maps.bfloat16()).float().square().sum().backward()
        torch.testing.assert_close(conv.weight.grad.float(), exact, rtol=0.05, atol=0.03 * exact.abs().max().item())
        conv.weight.grad = None
