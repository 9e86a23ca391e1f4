import torch

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
