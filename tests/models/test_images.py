"""Pictures that do not fit a model are told with both shapes, whatever the family."""

import pytest
import torch

from smalti.errors import InputError
from smalti.models import create_model

SETTLED = [  # their size too
    *("vit_nano_patch4_32", "cct_nano_patch4_32", "flexivit_mini_32", "swin_mini_patch2_window4_32"),
    *("swinv2_mini_patch2_window4_32", "cnn_small_32", "mlp_small_32"),
]


@pytest.mark.parametrize("name", SETTLED)
@pytest.mark.parametrize("shape", [(2, 3, 32, 16), (2, 3, 16, 33), (2, 1, 16, 32), (3, 16, 32), (4,)])
def test_pictures_of_another_shape_are_refused(name: str, shape: tuple[int, ...]):
    """Also where layers would take them: as many pixels, or one more that pooling leaves out."""
    with torch.device("meta"), pytest.raises(InputError) as error:
        create_model(name, img_size=(16, 32))(torch.empty(*shape))
    assert f"images of shape {shape} do not fit a model built for (B, 3, 16, 32)" in str(error.value)


@pytest.mark.parametrize("name", ["resnet18_32", "convnext_tiny_224"])
@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (3, 3, 32), (4,)])
def test_any_size_will_do_but_not_other_channels(name: str, shape: tuple[int, ...]):
    with torch.device("meta"):
        model = create_model(name)
        assert model(torch.empty(2, 3, 48, 64)).shape == (2, model.config.num_classes)
        with pytest.raises(InputError) as error:
            model(torch.empty(*shape))
    assert f"images of shape {shape} do not fit a model built for (B, 3, H, W)" in str(error.value)
