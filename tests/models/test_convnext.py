"""The wrapped network is torchvision's: the same parameters, the same outputs."""

import pytest
import torch

from smalti._torchvision import torchvision
from smalti.errors import InputError
from smalti.models import create_model


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("size", "published", "widths"),
    [
        ("tiny", 28_589_128, (96, 768)),
        ("small", 50_223_688, (96, 768)),
        ("base", 88_591_464, (128, 1024)),
        ("large", 197_767_336, (192, 1536)),
    ],
)
def test_published_parameter_counts(size, published, widths):
    with torch.device("meta"):
        reference = getattr(torchvision.models, f"convnext_{size}")()
        model = create_model(f"convnext_{size}_224")
        grey = create_model(f"convnext_{size}_224", in_chans=1, num_classes=7)
    assert count(model) == count(reference) == published
    assert count(grey) == count(reference) - 2 * widths[0] * 16 - (1000 - 7) * (widths[1] + 1)


def test_on_the_weights_of_torchvision_it_answers_as_torchvision():
    torch.manual_seed(0)
    reference = torchvision.models.convnext_tiny(layer_scale=0.5).eval()
    model = create_model("convnext_tiny_224").eval()
    model.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = reference(images)
        assert (model(images) - expected).abs().max() <= 1e-5 * expected.abs().max()
        pooled = model.forward_pooled(images)
        torch.testing.assert_close(model.head(pooled), model(images))


def test_a_head_of_no_classes_gives_the_features():
    model = create_model("convnext_tiny_224", img_size=32, num_classes=0, in_chans=2).eval()
    images = torch.randn(2, 2, 32, 32)
    torch.testing.assert_close(model(images), model.forward_pooled(images))
    assert model(images).shape == (2, 768)


def test_stochastic_depth_ramps_from_zero():
    with torch.device("meta"):
        model = create_model("convnext_tiny_224", drop_path_rate=0.3)
    rates = [module.p for module in model.modules() if isinstance(module, torchvision.ops.StochasticDepth)]
    assert (rates[0], len(rates)) == (0, 18)
    assert rates[-1] == pytest.approx(0.3)


def test_pictures_too_small_for_it_are_refused():
    with pytest.raises(InputError, match="img_size = 28 is not 32 or more"):
        create_model("convnext_tiny_224", img_size=28)
