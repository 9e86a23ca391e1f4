import pytest

from smalti.errors import InputError
from smalti.models import FAMILIES, build, list_models, preset_config


def test_presets_are_listed_once_and_by_pattern():
    names = list_models()
    assert len(names) == len(set(names))
    assert set(list_models("vit_base_*")) == {n for n in names if n.startswith("vit_base_")}
    assert list_models("nothing*") == []


def test_a_preset_gives_its_family_and_config():
    family, config = preset_config("vit_small_patch16_224", num_classes=3, img_size=[32, 48])
    assert family == "vit"
    assert config.size == (32, 48)
    assert config.num_classes == 3
    assert FAMILIES["vit"].presets["vit_small_patch16_224"].num_classes == 1000


def test_an_unknown_family_is_refused():
    with pytest.raises(InputError, match='unknown model family "vot"; did you mean "vit"'):
        build("vot", None)


@pytest.mark.parametrize("preset", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256"])
def test_an_mlp_without_width_is_refused(preset):
    with pytest.raises(InputError, match=r"mlp_ratio = -1\.0 is not a number above 0"):
        preset_config(preset, mlp_ratio=-1.0)
