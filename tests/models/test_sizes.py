import pytest
from tests.hollow import hollow

from smalti.errors import InputError
from smalti.models import FAMILIES, create_model, list_models, preset_config
from smalti.models.sizes import TABLE, count_size, kept_sizes, preset_size, table

DUE = "python -m smalti.models.sizes writes the table anew"


def test_the_table_has_every_preset():
    assert list(kept_sizes()) == list_models(), DUE


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_holds_what_is_counted(family):
    smallest = min(FAMILIES[family].presets, key=lambda name: preset_size(name).macs)
    assert count_size(*preset_config(smallest)) == preset_size(smallest), DUE


@pytest.mark.parametrize("family", FAMILIES)
def test_every_preset_has_the_parameters_of_the_table(family):
    for name in FAMILIES[family].presets:
        with hollow():
            model = create_model(name)
        assert sum(p.numel() for p in model.parameters()) == preset_size(name).parameters, f"{name}: {DUE}"


@pytest.mark.slow
def test_the_table_holds_what_is_counted_of_every_preset():
    assert table() == TABLE.read_text("utf-8"), DUE


def test_a_preset_that_the_table_lacks_is_counted(monkeypatch):
    kept = preset_size("vit_mini_patch4_32")
    monkeypatch.delitem(kept_sizes(), "vit_mini_patch4_32")
    assert preset_size("vit_mini_patch4_32") == kept


def test_fixed_positions_are_not_learned():
    counts = [count_size(*preset_config("vit_nano_patch4_32", pos_embed=one)).parameters for one in ("sincos", "none")]
    assert counts[0] == counts[1]


def test_no_size_of_an_unknown_preset():
    with pytest.raises(InputError, match="no model is named"):
        preset_size("vit_enormous")
