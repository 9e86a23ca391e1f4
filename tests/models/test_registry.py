import pytest

from smalti.errors import InputError
from smalti.models import FAMILIES, build, create_model, list_models, preset_config


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


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("resnet50", 'did you mean "resnet50_224" or "resnet50_32"?'),
        ("resnet50.a1_in1k", 'did you mean "resnet50_224" or "resnet50_32"?'),
        ("vit_small_patch16_224.augreg_in21k_ft_in1k", 'did you mean "vit_small_patch16_224"?'),
        ("swin_tiny", 'did you mean "swin_tiny_patch4_window7_224"?'),
        ("vit_tinny_patch16_224", 'did you mean "vit_tiny_patch16_224"?'),
        ("flexivit_mini", "smalti models 'flexivit_mini_*' lists 8"),
        ("zzz", "smalti models lists them"),
    ],
)
def test_an_unknown_name_leads_to_those_it_may_mean(name, mend):
    with pytest.raises(InputError) as refused:
        preset_config(name)
    assert refused.value.mend == mend


@pytest.mark.parametrize(("word", "mend"), [("pretrained", "smalti.import_weights"), ("global_pool", 'pool="mean"')])
def test_the_words_of_timm_have_a_mend(word, mend):
    with pytest.raises(InputError, match=f'no setting "{word}".*{mend}'):
        create_model("vit_tiny_patch16_224", **{word: True})


def test_an_unknown_family_is_refused():
    with pytest.raises(InputError, match='unknown model family "vot"; did you mean "vit"'):
        build("vot", None)


@pytest.mark.parametrize("preset", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256"])
def test_an_mlp_without_width_is_refused(preset):
    with pytest.raises(InputError, match=r"mlp_ratio = -1\.0 is not a number above 0"):
        preset_config(preset, mlp_ratio=-1.0)
