"""What a person settles for a run, and where each setting is from."""

from dataclasses import replace

import pytest
from tests.text_runs import SMALL, text_file

import smalti
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.recipes.asked import ask
from smalti.recipes.recipe import ModelConfig, Recipe
from smalti.train.budget import Budget
from smalti.train.optim import OptimConfig

RULE = Preprocess((32, 32), 3, (0.5,) * 3, (0.2,) * 3)
RECIPE = Recipe(ModelConfig("vit_nano_patch4_32"), RULE, Budget(epochs=3), optim=OptimConfig("sgd", momentum=0.98))
ADAMW = replace(RECIPE, optim=OptimConfig("adamw"))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"epochs": 0.5}, "budget.epochs = 0.5 is not a whole number"),
        ({"steps": 10.0}, "budget.steps = 10.0 is not a whole number"),
        ({"minutes": "5"}, "budget.minutes = '5' is not a number"),
        ({"seed": 1.5}, "seed = 1.5 is not a whole number"),
        ({"fraction": "half"}, "fraction = 'half' is not a number"),
    ],
)
def test_a_named_option_of_another_type_is_refused(named, told):
    with pytest.raises(InputError, match=told):
        ask({}, None, **named)


def test_a_named_budget_replaces_that_of_a_file():
    assert ask({"budget": {"epochs": 3}}, None, minutes=5).settings["budget"] == {"minutes": 5.0}


def test_what_was_typed_is_known_from_what_a_file_says():
    asked = ask({"optim": {"lr": 0.1, "name": "sgd"}}, {"optim.lr": "0.2"}, seed=3, epochs=None)
    assert asked.settings == {"optim": {"lr": 0.2, "name": "sgd"}, "seed": 3}
    assert asked.typed == {"optim": {"lr": 0.2}, "seed": 3}


def test_what_was_typed_is_refused_where_it_means_nothing():
    why = 'its optim.name is "adamw"; leave it out, or set optim.name to sgd or rmsprop'
    for file in ({}, {"optim": {"momentum": 0.98}}):
        with pytest.raises(InputError, match=f"optim.momentum = 0.9 means nothing to this run: {why}"):
            ask(file, {"optim.momentum": 0.9, "optim.name": "adamw"}).heeded(ADAMW, "classify")
    assert ask({}, {"optim.momentum": 0.9}).heeded(RECIPE, "classify").noted == ()


def test_what_a_file_says_in_vain_is_left_out_and_told():
    """run.toml of another run states every value, so the usual ones are no matter."""
    asked = ask(RECIPE.to_dict(), {"optim.name": "adamw"}, where="run.toml").heeded(ADAMW, "classify")
    assert [(told.name, told.value, told.reason) for told in asked.noted] == [
        ("left out", "optim.lr, optim.weight_decay", 'run.toml has them for "sgd"'),
        ("left out", "optim.momentum", 'of run.toml: its optim.name is "adamw"'),
    ]
    assert replace(ADAMW, optim=replace(ADAMW.optim, momentum=0.98)).with_settings(asked.settings) == ADAMW
    assert ask(RECIPE.to_dict(), None).heeded(RECIPE, "classify").noted == ()


def test_a_rate_is_of_its_optimiser():
    file = {"optim": {"name": "sgd", "lr": 0.1, "weight_decay": 5e-4, "grad_clip": 2.0}}
    other = ask(file, {"optim.name": "adamw", "optim.weight_decay": 0.02}, where="run.toml")
    assert other.settings["optim"] == {"name": "adamw", "weight_decay": 0.02, "grad_clip": 2.0}
    same = ask(file, {"optim.name": "sgd"}, where="run.toml")
    assert (same.settings["optim"], same.noted) == (file["optim"], ())


def test_options_of_a_model_are_not_those_of_another():
    file = {"model": {"preset": "cct_mini_patch4_32", "options": {"drop_path_rate": 0.1}}}
    asked = ask(file, None, where="run.toml", model="cnn_small_32")
    assert asked.settings["model"] == {"preset": "cnn_small_32"}
    assert asked.noted[0].reason == 'run.toml has it for "cct_mini_patch4_32"'
    assert ask(file, None, model="cct_mini_patch4_32").settings == file


def test_a_loss_of_another_task_is_left_out():
    file = {"target": {"loss": "cross_entropy", "smoothing": 0.1}}
    asked = ask(file, None, where="run.toml").for_task("multilabel")
    assert asked.settings["target"] == {"smoothing": 0.1}
    assert 'of run.toml: "cross_entropy" is no loss of the task multilabel' in asked.noted[0].reason
    typed = ask({}, {"target.loss": "cross_entropy"})
    assert typed.for_task("multilabel") is typed  # and refused by the rule


def test_a_run_on_text_refuses_what_means_nothing_to_it_too(tmp_path):
    wish = {f"model.options.{name}": value for name, value in SMALL.items()} | {"optim.momentum": 0.98}
    with pytest.raises(InputError, match=r'optim.momentum = 0.98 .* its optim.name is "muon"'):
        smalti.train(text_file(tmp_path), steps=1, out=tmp_path / "run", overrides=wish, show=False)
    assert not (tmp_path / "run").exists()


def test_facts_of_other_data_are_left_out():
    file = {"run": {"fingerprint": "of others"}, "preprocess": {"white": 255.0, "in_chans": 1, "fit": "pad"}}
    asked = ask(file, {"preprocess.in_chans": 3}, where="run.toml")
    assert asked.without_facts("of others") is asked
    other = asked.without_facts("of mine")
    assert other.settings["preprocess"] == {"in_chans": 3, "fit": "pad"}
    assert (other.noted[0].name, other.noted[0].reason) == ("white", "run.toml is of other data")
    own = ask({"preprocess": file["preprocess"]}, None)
    assert own.without_facts("of mine") is own


def test_a_share_that_a_clock_cut_is_no_wish():
    """What was read is said of the run; what the recipe says, by whoever wrote it, is what is asked for."""
    file = {"run": {"fraction": 0.07}, "fraction": 0.5}
    assert ask(file, None, where="run.toml").settings["fraction"] == 0.5
    assert ask(file, None, where="run.toml", fraction=0.25).settings["fraction"] == 0.25
