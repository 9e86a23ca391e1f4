"""Which settings mean nothing to which run."""

from dataclasses import replace

import pytest

from smalti.data.augment import AugmentConfig
from smalti.data.mixing import MixConfig
from smalti.data.preprocess import Preprocess
from smalti.recipes.recipe import ModelConfig, Recipe, TargetConfig
from smalti.recipes.teacher import TeacherConfig
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.transfer import TransferConfig
from smalti.recipes.unread import unread
from smalti.train.budget import Budget
from smalti.train.optim import OptimConfig

RULE = Preprocess((32, 32), 3, (0.5,) * 3, (0.2,) * 3)
RECIPE = Recipe(ModelConfig("vit_nano_patch4_32"), RULE, Budget(epochs=3))
HEAD = 'it fits the last layer alone; set transfer.tune to "all"'


def reasons(recipe, task="classify"):
    """The first reason for each setting that is not read, with what would have it read."""
    found = {}
    for section, field, why, mend in unread(recipe, task):
        found.setdefault(f"{section}.{field}", f"{why}; {mend}")
    return found


@pytest.mark.parametrize(
    ("parts", "name", "says"),
    [
        (
            {"optim": OptimConfig("muon")},
            "optim.momentum",
            'its optim.name is "muon"; set optim.name to sgd or rmsprop',
        ),
        ({"optim": OptimConfig("sgd")}, "optim.betas", 'its optim.name is "sgd"; set optim.name to muon or adamw or'),
        ({"optim": OptimConfig("adamw")}, "optim.ns_steps", 'its optim.name is "adamw"; set optim.name to muon'),
        ({"target": TargetConfig(loss="huber")}, "target.gamma", "set target.loss to focal"),
        ({"augment": AugmentConfig("pad")}, "augment.crop_area", "set augment.crop to resized"),
        ({"augment": AugmentConfig("resized")}, "augment.crop_pad", "set augment.crop to pad"),
        ({"augment": AugmentConfig(auto="trivial")}, "augment.auto_ops", "set augment.auto to rand"),
        ({}, "transfer.rank", 'its transfer.tune is "all"; set transfer.tune to lora'),
        ({"transfer": TransferConfig("m", "lora")}, "transfer.blocks", "set transfer.tune to last"),
        ({"transfer": TransferConfig("m", "head")}, "optim.lr", HEAD),
        ({"transfer": TransferConfig("m", "head")}, "target.smoothing", HEAD),
        ({"transfer": TransferConfig("m", "head")}, "loop.batch_size", HEAD),
        ({"transfer": TransferConfig("m", "head")}, "augment.zoom", HEAD),
        ({}, "augment.erase_area", "its augment.erase is 0; set augment.erase above 0"),
        ({}, "mix.prob", "its mix.mixup is 0 and its mix.cutmix is 0; set mix.mixup or mix.cutmix above 0"),
        ({"preprocess": Preprocess((32, 32), 1, (0.5,), (0.2,))}, "augment.hue", "its pictures have 1 channel; "),
        ({"model": ModelConfig("cnn_small_32")}, "optim.layer_decay", 'a model of the family "cnn" has no blocks; '),
        ({}, "teacher.kind", "it has no teacher; add --teacher MODEL"),
        ({"teacher": TeacherConfig("m", "hard")}, "teacher.temperature", "set teacher.kind to soft"),
        ({"teacher": TeacherConfig("m")}, "teacher.budget_share", "set teacher.model to auto"),
    ],
)
def test_what_another_kind_reads_is_not_read(parts, name, says):
    assert says in reasons(replace(RECIPE, **parts))[name]


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({"optim": OptimConfig("muon")}, {"optim.betas", "optim.ns_steps", "optim.lr"}),
        ({"optim": OptimConfig("rmsprop")}, {"optim.momentum"}),
        ({"target": TargetConfig(loss="focal")}, {"target.gamma", "target.smoothing", "target.class_weights"}),
        ({"augment": AugmentConfig("pad", auto="rand")}, {"augment.crop_pad", "augment.auto_magnitude"}),
        ({"transfer": TransferConfig("m", "last")}, {"transfer.blocks", "optim.lr"}),
        ({"transfer": TransferConfig("m", "head")}, {"target.class_weights", "transfer.tune", "loop.precision"}),
        ({"augment": AugmentConfig(erase=0.1)}, {"augment.erase_area", "augment.erase_fill", "augment.hue"}),
        ({"mix": MixConfig(cutmix=1.0)}, {"mix.prob", "mix.mixup"}),
        ({"teacher": TeacherConfig("auto")}, {"teacher.temperature", "teacher.budget_share", "teacher.share"}),
        ({}, {"teacher.model", "optim.layer_decay"}),
        ({"model": ModelConfig("resnet18_32")}, {"optim.layer_decay"}),
    ],
)
def test_what_its_own_kind_reads_is_read(parts, names):
    assert not names & set(reasons(replace(RECIPE, **parts)))


def test_numbers_have_no_classes():
    assert reasons(RECIPE, "regress")["target.smoothing"] == "its targets are numbers; "
    assert "target.class_weights" in reasons(RECIPE, "regress")


def test_a_recipe_of_text_has_fewer_sections():
    recipe = TextRecipe(ModelConfig("gpt_char_mini"), TokensConfig(), Budget(steps=1), optim=OptimConfig("muon"))
    found = reasons(recipe, "next-token")
    assert {name.partition(".")[0] for name in found} == {"optim", "target", "transfer", "tokens"}
    assert found["tokens.mask_share"] == "its task is next-token; "
    assert "tokens.mask_share" not in reasons(recipe, "masked-token")
    assert found["target.gamma"] == found["target.smoothing"] == "target settings are for classes; "
    assert found["transfer.rank"] == "that is for pictures; "
    headless = reasons(replace(recipe, transfer=TransferConfig("m", "head")), "next-token")
    assert headless == found, "of a file of pictures, and said to be for these"
