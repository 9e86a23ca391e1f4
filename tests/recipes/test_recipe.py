"""Recipes as data: settings by name, mistakes named before any work is done, and the way through run.toml."""

import tomllib
from dataclasses import is_dataclass, replace
from typing import Any, Literal, get_origin, get_type_hints

import pytest
import torch

from smalti.data.augment import AugmentConfig
from smalti.data.mixing import MixConfig
from smalti.data.preprocess import Preprocess
from smalti.data.views import Views
from smalti.errors import InputError
from smalti.models import FAMILIES
from smalti.recipes.recipe import ModelConfig, Recipe, TargetConfig, merged, parse_settings, settle
from smalti.recipes.text.recipe import TextRecipe
from smalti.recipes.toml import dumps
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig
from smalti.train.optim import OptimConfig

RECIPE = Recipe(
    ModelConfig("vit_nano_patch4_32", {"depth": 2}), Preprocess((32, 32), 3, (0.5,) * 3, (0.2,) * 3), Budget(epochs=3)
)
EVERYTHING = Recipe(  # no field at its default where that is possible
    ModelConfig("cct_mini_patch4_32", {"drop_path_rate": 0.1, "layer_scale": None, "qkv_bias": False}),
    Preprocess((32, 48), 1, (0.5,), (0.25,), fit="crop", interpolation="bilinear", crop_pct=0.875, white=4095.0),
    Budget(minutes=2.5),
    AugmentConfig(crop="resized", crop_area=(0.2, 0.9), flip="alternate", rotate=5.0, auto="rand", erase=0.3),
    MixConfig(0.2, 1.0, 0.5),
    TargetConfig(0.1, "auto", "focal", 1.5, "balanced"),
    OptimConfig("sgd", 0.5, 1e-4, (0.8, 0.9), 0.95, None),
    LoopConfig(7, 2, 0.1, "constant", 0.99, "bf16", 3, 4),
    views=Views(True, 2),
    seed=2**63 - 1,
)


@pytest.mark.parametrize("recipe", [RECIPE, EVERYTHING], ids=["plain", "everything"])
def test_a_recipe_comes_back_from_run_toml(recipe: Recipe):
    assert Recipe.from_dict(tomllib.loads(dumps(recipe.to_dict()))) == recipe


def test_none_stays_none_where_the_default_is_another():
    unclipped = replace(RECIPE, optim=OptimConfig(grad_clip=None))
    assert Recipe.from_dict(tomllib.loads(dumps(unclipped.to_dict()))).optim.grad_clip is None


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"optim.lr": 0.5}, lambda r: r.optim.lr == 0.5),
        ({"optim": {"lr": 1}}, lambda r: r.optim.lr == 1.0 and isinstance(r.optim.lr, float)),
        ({"optim": {"lr": 1.0}, "optim.name": "sgd"}, lambda r: r.optim == OptimConfig("sgd", 1.0)),
        ({"optim.betas": [0.5, 0.6]}, lambda r: r.optim.betas == (0.5, 0.6)),
        ({"optim.grad_clip": "none"}, lambda r: r.optim.grad_clip is None),
        ({"target.class_weights": "none"}, lambda r: r.target.class_weights == "none"),
        ({"model.options.num_heads": 2}, lambda r: r.model.options == {"depth": 2, "num_heads": 2}),
        ({"model.preset": "cnn_small_32", "model.options.depth": 1}, None),
        ({"budget.steps": 7}, lambda r: r.budget == Budget(steps=7)),
        ({"views.mirror": True, "seed": 4}, lambda r: r.views == Views(mirror=True) and r.seed == 4),
    ],
)
def test_settings_replace_single_fields(settings: dict[str, Any], field: Any):
    if field is None:
        with pytest.raises(InputError, match="depth"):
            RECIPE.with_settings(settings)
        return
    changed = RECIPE.with_settings(settings)
    assert field(changed)
    assert changed != RECIPE or settings == {"target.class_weights": "none"}
    assert RECIPE.optim == OptimConfig()


WRONG = [
    ({"optimm.lr": 1}, 'no setting "optimm"; did you mean "optim"'),
    ({"optim.lrr": 1}, 'no setting "optim.lrr"; did you mean "optim.lr"'),
    ({"lr": 0.1}, 'no setting "lr"; did you mean optim.lr?'),
    ({"optim.x": 1}, "optim has name, lr,"),
    ({"optim": 3}, '"optim" is a section, not a value; set a field of it: optim.name'),
    ({"optim.lr": "fast"}, "optim.lr = 'fast' is not a number; a value like 0.001"),
    ({"optim.lr": True}, "optim.lr = True is not a number"),
    ({"optim.lr": float("nan")}, "optim.lr = nan is not a number above 0"),
    (
        {"optim.name": "adamm"},
        "optim.name = 'adamm' is not one of muon, adamw, adam, sgd, rmsprop; did you mean \"adam",
    ),
    ({"optim.betas": [0.9]}, "optim.betas = [0.9] is not a list of 2 numbers"),
    ({"optim.betas": [0.9, "x"]}, "not a list of 2 numbers"),
    ({"loop.batch_size": 1.5}, "loop.batch_size = 1.5 is not a whole number"),
    ({"loop.batch_size": 0}, "loop.batch_size = 0 is not 1 or more"),
    ({"loop.patience": "soon"}, "loop.patience = 'soon' is not a whole number or none"),
    ({"views.mirror": 1}, "views.mirror = 1 is not true or false"),
    ({"views.shift": -1}, "views.shift = -1 is not a whole number of pixels, 0 or more"),
    ({"seed": "x"}, "seed = 'x' is not a whole number"),
    ({"budget": {"steps": 1, "epochs": 1}}, "one of minutes, epochs and steps, not epochs and steps|steps and epochs"),
    ({"optim": 3, "optim.lr": 1}, '"optim" is set to a value and to fields'),
]


@pytest.mark.parametrize(("settings", "says"), WRONG)
@pytest.mark.parametrize("way", ["with_settings", "settle"])
def test_mistakes_in_settings_are_named(settings: dict[str, Any], says: str, way: str):
    with pytest.raises(InputError) as caught:
        RECIPE.with_settings(settings) if way == "with_settings" else settle(settings, "c.toml")
    assert any(words in str(caught.value) for words in says.split("|")), str(caught.value)
    assert caught.value.mend


def test_pictures_cannot_be_moved_by_their_whole_side():
    with pytest.raises(InputError, match=r"views.shift = 32 is not below 32"):
        RECIPE.with_settings({"views.shift": 32})
    moved = RECIPE.with_settings({"views.shift": 31})
    small = moved.with_settings({"preprocess.img_size": [8, 16], "views.shift": 7})  # judged together, not one by one
    assert len(small.views(torch.zeros(1, 3, 8, 16))) == len(small.views) == 3


def test_new_settings_are_merged_field_by_field_but_a_budget_is_one_of_three():
    old = {"model": {"preset": "a", "options": {"depth": 1}}, "budget": {"epochs": 3}, "seed": 1}
    new = {"model": {"options": {"num_heads": 2}}, "budget": {"steps": 5}, "optim": {"lr": 0.1}}
    assert merged(old, new) == {
        "model": {"preset": "a", "options": {"depth": 1, "num_heads": 2}},
        "budget": {"steps": 5},
        "seed": 1,
        "optim": {"lr": 0.1},
    }


def test_settling_names_the_file_and_keeps_sections_incomplete():
    assert settle({"optim.lr": 1, "preprocess": {"img_size": 24}}, "--set") == {
        "optim": {"lr": 1.0},
        "preprocess": {"img_size": (24, 24)},
    }
    with pytest.raises(InputError, match=r"^c.toml: there is no setting"):
        settle({"optimm": {}}, "c.toml")


def test_values_of_the_command_line_are_toml_or_text():
    given = {"a": "1", "b": "1e-3", "c": "true", "d": "[1, 2]", "e": "adamw", "f": '"1"', "g": "nan", "h": "0.1.2"}
    parsed = parse_settings(given)
    assert parsed.pop("g") != 0
    assert parsed == {"a": 1, "b": 0.001, "c": True, "d": [1, 2], "e": "adamw", "f": "1", "h": "0.1.2"}


def with_words():
    """Every field of a config that has one of a few words."""
    parts = {kind for recipe in (Recipe, TextRecipe) for kind in get_type_hints(recipe).values() if is_dataclass(kind)}
    configs = {*parts, *(family.config for family in FAMILIES.values())} - {ModelConfig}
    for config in sorted(configs, key=lambda config: config.__name__):
        for name, hint in get_type_hints(config).items():
            if get_origin(hint) is Literal:
                yield pytest.param(config, name, id=f"{config.__name__}.{name}")


@pytest.mark.parametrize(("config", "name"), list(with_words()))
def test_a_word_that_there_is_not_is_refused_by_the_config_itself(config: Any, name: str):
    needed = {"img_size": (8, 8), "in_chans": 1, "mean": (0.5,), "std": (0.5,)} if config is Preprocess else {}
    with pytest.raises(InputError, match=f"{name} = 'bogus' is not one of .*; give one of"):
        config(**needed, **{name: "bogus"})


def test_size_and_channels_of_the_model_come_from_the_preprocess():
    _, config = RECIPE.model.resolve(RECIPE.preprocess, 7)
    assert (config.size, config.in_chans, config.num_classes, config.depth) == ((32, 32), 3, 7, 2)
    with pytest.raises(InputError, match=r"model.options.img_size: .*follows from preprocess.img_size"):
        ModelConfig("vit_nano_patch4_32", {"img_size": 16})
    with pytest.raises(InputError, match=r"change tokens.max_len"):
        ModelConfig("gpt_char_mini", {"max_len": 16})
    with pytest.raises(InputError, match='no model is named "vit_nan_patch4_32"; did you mean'):
        ModelConfig("vit_nan_patch4_32")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"extra": {}}, 'no setting "extra"'),
        ({"model": {}}, "model.preset is missing"),
        ({"model": "x"}, '"model" is a section'),
        ({"model": {"preset": 3}}, "model.preset = 3 is not a text"),
    ],
)
def test_a_damaged_description_is_refused(data: dict[str, Any], says: str):
    with pytest.raises(InputError, match=says):
        Recipe.from_dict({**RECIPE.to_dict(), **data})
