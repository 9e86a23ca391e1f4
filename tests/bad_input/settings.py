"""Budgets, options and settings."""

from tests.bad_input.cases import case
from tests.bad_input.ground import Ground, setting, train


@case(2, "--minutes", "0", "above 0")
def no_minutes(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "0"]


@case(2, "--minutes", "-1", "above 0")
def negative_minutes(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "-1"]


@case(2, "--minutes", "nan", "above 0")
def minutes_that_are_not_a_number(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "nan"]


@case(2, "--minutes", "inf", "above 0")
def endless_minutes(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "inf"]


@case(2, "--steps", "0", "above 0")
def no_steps(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "0"]


@case(2, "--epochs", "one of minutes, epochs and steps", "give one of --minutes, --epochs, --steps")
def two_budgets(g: Ground) -> list[str]:
    return train(g.classes(), "--epochs", "3")


@case(2, "--epochs", "one of minutes, epochs and steps")
def two_budgets_in_a_setting_and_an_option(g: Ground) -> list[str]:
    return ["train", g.classes(), "--set", "budget.minutes=1", "--set", "budget.epochs=2"]


@case(2, "budget", "budget.hours", "minutes")
def unknown_budget(g: Ground) -> list[str]:
    return ["train", g.classes(), "--set", "budget.hours=1"]


@case(2, "budget.steps", "soon")
def budget_of_words(g: Ground) -> list[str]:
    return ["train", g.classes(), "--set", "budget.steps=soon"]


@case(2, "vit_mni_patch4_32", 'did you mean "vit_mini_patch4_32"?')
def unknown_preset(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--model", "vit_mni_patch4_32"]


@case(2, "qpu", "--device cpu")
def unknown_device(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--device", "qpu"]


@case(2, "cuda:99", "--device cpu")
def device_that_is_not_here(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--device", "cuda:99"]


@case(2, "meta", "--device cpu")
def device_that_holds_no_data(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--device", "meta"]


@case(2, "--workers", "-1")
def negative_workers(g: Ground) -> list[str]:
    return train(g.classes(), "--workers", "-1")


@case(2, "--seed", "-1")
def negative_seed(g: Ground) -> list[str]:
    return train(g.classes(), "--seed", "-1")


@case(2, "--seed", "99999999999999999999")
def enormous_seed(g: Ground) -> list[str]:
    return train(g.classes(), "--seed", "99999999999999999999")


@case(2, "--fraction", "1.5", "at most 1")
def more_than_all(g: Ground) -> list[str]:
    return train(g.classes(), "--fraction", "1.5")


@case(2, "--fraction", "0", "above 0")
def none_of_all(g: Ground) -> list[str]:
    return train(g.classes(), "--set", "fraction=0")


for _name, _text, _says in (
    ("unknown_setting", "optim.lrr=1", ('"optim.lrr"', 'did you mean "optim.lr"?')),
    ("unknown_section", "optimm.lr=1", ('"optimm"', 'did you mean "optim"?')),
    ("section_as_a_value", "optim=3", ('"optim" is a section', "optim.name")),
    ("value_as_a_section", "seed.x=3", ("seed",)),
    ("setting_of_another_type", "optim.lr=fast", ("optim.lr", "'fast'", "not a number")),
    ("flag_as_a_number", "loop.batch_size=true", ("loop.batch_size", "whole number")),
    ("negative_rate", "optim.lr=-1", ("optim.lr", "-1", "above 0|0 or more")),
    ("rate_that_is_not_a_number", "optim.lr=nan", ("optim.lr", "nan")),
    ("unknown_optimiser", "optim.name=adamm", ("optim.name", "adamm", "adam")),
    ("betas_out_of_range", "optim.betas=[0.9, 1.5]", ("optim.betas", "1.5")),
    ("negative_decay", "optim.weight_decay=-1", ("optim.weight_decay", "-1")),
    ("batch_of_nothing", "loop.batch_size=0", ("loop.batch_size", "0")),
    ("warm_up_without_end", "loop.warmup=1.0", ("loop.warmup", "1")),
    ("unknown_schedule", "loop.schedule=stairs", ("loop.schedule", "stairs", "cosine")),
    ("unknown_precision", "loop.precision=fp8", ("loop.precision", "fp8", "bf16")),
    ("ema_out_of_range", "loop.ema_decay=2.0", ("loop.ema_decay", "2")),
    ("unknown_flip", "augment.flip=sideways", ("flip", "sideways", "alternate")),
    ("mixing_out_of_range", "mix.mixup=-1.0", ("mix", "-1")),
    ("smoothing_out_of_range", "target.smoothing=2.0", ("target.smoothing", "2")),
    ("unknown_class_weights", "target.class_weights=some", ("target.class_weights", "some", "auto")),
    ("unknown_loss", "target.loss=mseloss", ("target.loss", "mseloss", 'did you mean "mse"?')),
    ("loss_of_another_task", "target.loss=mse", ("target.loss", "mse", "classify", "use cross_entropy")),
    ("gamma_out_of_range", "target.gamma=-1.0", ("target.gamma", "-1")),
    ("unknown_sampling", "target.sampling=even", ("target.sampling", "even", "balanced")),
    ("size_of_nothing", "preprocess.img_size=0", ("img_size", "0")),
    ("size_of_words", "preprocess.img_size=big", ("img_size", "big")),
    ("size_of_three_numbers", "preprocess.img_size=[8, 8, 8]", ("img_size",)),
    ("unknown_fit", "preprocess.fit=stretch", ("fit", "stretch", "squash")),
    ("heads_that_do_not_divide", "model.options.embed_dim=65", ("embed_dim", "65")),
    ("unknown_model_option", "model.options.dept=3", ('"dept"', 'did you mean "depth"?')),
    ("model_option_of_another_type", "model.options.depth=deep", ("depth", "deep")),
    ("two_channels_for_three", "preprocess.in_chans=5", ("5",)),
):
    _make = setting(_text)
    _make.__name__ = _name
    case(2, _says[0], *_says[1:])(_make)


@case(2, "preprocess.img_size", "[0, 0]|(0, 0)", "1 or more")
def size_of_nothing_for_a_model_that_is_chosen(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--set", "preprocess.img_size=0"]


@case(2, "preprocess.img_size", "-8", "1 or more")
def negative_size_for_a_model_that_is_chosen(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--set", "preprocess.img_size=[8, -8]"]


@case(2, "img_size 9", "multiple of patch_size 2", "8 or 10")
def size_that_patches_do_not_fill(g: Ground) -> list[str]:
    return ["train", g.classes(), "--model", "vit_nano_patch2_8", "--steps", "2", "--set", "preprocess.img_size=9"]


@case(2, "run.toml", "cannot be read", "No such file")
def missing_config(g: Ground) -> list[str]:
    return train(g.classes(), "--config", "run.toml")


@case(2, "c.toml", "not valid TOML", "line 1")
def config_that_is_not_toml(g: Ground) -> list[str]:
    g.write("c.toml", "optim = {\n")
    return train(g.classes(), "--config", "c.toml")


@case(2, "c.toml", "cannot be read")
def config_that_is_binary(g: Ground) -> list[str]:
    g.write("c.toml", b"\xff\xfe\0\0")
    return train(g.classes(), "--config", "c.toml")


@case(2, "d", "cannot be read")
def config_that_is_a_folder(g: Ground) -> list[str]:
    return train(g.classes(), "--config", "d")


@case(2, "optim.learning_rate", "settings|c.toml", "name, lr|lr")
def config_with_an_unknown_key(g: Ground) -> list[str]:
    g.write("c.toml", "[optim]\nlearning_rate = 1\n")
    return train(g.classes(), "--config", "c.toml")


@case(2, "loop.batch_size", "'many'", "whole number")
def config_with_a_wrong_type(g: Ground) -> list[str]:
    g.write("c.toml", '[loop]\nbatch_size = "many"\n')
    return train(g.classes(), "--config", "c.toml")
