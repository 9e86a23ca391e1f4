import pytest
import torch

from smalti.errors import InputError
from smalti.models import create_model


def test_the_classic_layers_have_the_classic_parameters():
    with torch.device("meta"):
        model = create_model("cnn_small_48")
    layers = [m for m in model.features if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert [sum(p.numel() for p in layer.parameters()) for layer in layers] == [896, 18_496, 73_856, 9_437_696]


def test_any_size_and_channels():
    model = create_model("cnn_small_32", img_size=(20, 33), in_chans=2, num_classes=3)
    images = torch.randn(4, 2, 20, 33)
    assert model(images).shape == (4, 3)
    assert model.forward_pooled(images).shape == (4, 512)


def test_the_smallest_picture_it_takes():
    assert create_model("cnn_small_8", img_size=(4, 5))(torch.zeros(1, 3, 4, 5)).shape == (1, 10)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"img_size": 3}, "img_size = 3 is not 4 or more"),
        ({"in_chans": 0}, "in_chans"),
        ({"num_classes": -1}, "num_classes = -1 is not 0 or more"),
        ({"widths": (8, 0, 8)}, r"widths = \(8, 0, 8\) is not three numbers of 1 or more"),
        ({"hidden_dim": 0}, "hidden_dim"),
        ({"drop_rate": 1.5}, "drop_rate"),
    ],
)
def test_errors_at_construction(options: dict[str, object], says: str):
    with pytest.raises(InputError, match=says):
        create_model("cnn_small_8", **options)
