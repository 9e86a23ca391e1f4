"""The recipe rule: what it takes from the data, that the person's word stands, and that every choice has a reason."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.recipes.test_mirror import Arrays

from smalti import data
from smalti.data.check import check
from smalti.data.mixing import MixConfig
from smalti.data.preprocess import Preprocess
from smalti.data.source import UNASSIGNED, Source
from smalti.data.split import split
from smalti.data.views import Views
from smalti.errors import InputError
from smalti.recipes import choose as rule
from smalti.recipes import choose_variation
from smalti.recipes.asked import ask
from smalti.recipes.assemble import class_weights
from smalti.recipes.choose import choose, choose_target, is_measured, taught_pace, tune_optim, without_teacher
from smalti.recipes.choose_variation import choose_mirror
from smalti.recipes.given import Given
from smalti.recipes.mirror import MirrorTest
from smalti.recipes.pace import UNTIMED, Pace
from smalti.recipes.recipe import Recipe, settle
from smalti.recipes.teacher import TeacherConfig
from smalti.train.budget import Budget

pytestmark = pytest.mark.usefixtures("unmeasured")


def given(size=(16, 16), n=120, channels=3, classes=3, **options):
    rng = np.random.default_rng(0)
    shape = (n, *size) if channels == 1 else (n, *size, channels)
    pictures = rng.integers(0, 255, shape, np.uint8)
    targets = options.pop("targets", np.arange(n) % classes).astype(np.int64)
    splits, names = np.full(n, UNASSIGNED, np.int8), [f"p{i}" for i in range(n)]
    source = Source("made", "classify", tuple("abcdefgh"[:classes]), names, targets, splits, Arrays(pictures))
    found = check(source, cached=False)
    budget = options.pop("budget", Budget(epochs=5))
    return Given(source, found, split(source, found.facts), budget, 60.0, torch.device("cpu"), **options)


def test_what_the_data_says_is_in_the_recipe():
    circumstances = given(size=(20, 30), channels=1)
    recipe = choose(circumstances).recipe
    assert recipe.preprocess.img_size == (16, 16)
    assert recipe.preprocess.in_chans == 1
    assert recipe.preprocess.mean == circumstances.check.mean
    assert recipe.loop.batch_size == 32
    assert recipe.augment.saturation == 0
    module = recipe.model.build(recipe.preprocess, 3)
    assert module(torch.zeros(2, 1, 16, 16)).shape == (2, 3)


def test_more_is_varied_the_more_often_pictures_are_seen():
    few, some, many = (choose(given(budget=Budget(epochs=n))).recipe for n in (3, 40, 200))
    assert few.augment.brightness == 0 < some.augment.brightness
    assert few.mix.cutmix == 0
    assert "drop_path_rate" not in some.model.options
    assert many.model.options["drop_path_rate"] == 0.1


@pytest.mark.parametrize(("flip", "first"), [("none", 8), ("random", None)])
def test_pictures_that_may_not_be_mirrored_are_turned_sooner(flip, first):
    turned = []
    for epochs in (7, 8):
        settings = settle({"augment.flip": flip, "preprocess.img_size": 32}, "--set")
        turned.append(choose(given(budget=Budget(epochs=epochs), settings=settings)).recipe.augment.rotate > 0)
    assert turned == [False, first == 8]


@pytest.mark.parametrize("budget", [Budget(epochs=12), Budget(steps=40)], ids=["epochs", "steps"])
@pytest.mark.parametrize("teacher", [{}, {"teacher": {"model": "auto"}}], ids=["alone", "taught"])
def test_a_budget_without_a_clock_does_not_wait_for_a_pace(budget, teacher, monkeypatch):
    """So it gives the same recipe on a busy machine too."""
    monkeypatch.setattr(rule, "measure_pace", lambda *_, **__: pytest.fail("measured"))
    chosen = choose(given(budget=budget, settings=teacher))
    assert chosen.pace is UNTIMED
    assert "a second" not in next(choice.reason for choice in chosen.choices if choice.name == "epochs")


def test_a_model_that_cannot_be_built_is_refused_without_a_clock_too():
    settings = {"model": {"preset": "vit_mini_patch4_32"}, "preprocess": {"img_size": 30}}
    with pytest.raises(InputError, match="patch"):
        choose(given(budget=Budget(steps=40), settings=settings))


def test_uneven_classes_are_weighed():
    uneven = np.array([0] * 80 + [1] * 30 + [2] * 10)
    assert choose(given(targets=uneven)).recipe.target.class_weights == "auto"
    assert choose(given()).recipe.target.class_weights == "none"


def test_classes_are_weighed_by_what_is_learned_from():
    """A fraction keeps one of each class at least, which evens them out; val and test do not count."""
    uneven = given(n=60, targets=np.array([0] * 40 + [1] * 12 + [2] * 8))
    few = replace(uneven, split=split(uneven.source, uneven.check.facts, fraction=0.01))
    assert choose(few).recipe.target.class_weights == "none"
    chosen = choose(uneven)
    counts = np.bincount(uneven.source.targets[uneven.split.train])
    reason = next(choice.reason for choice in chosen.choices if choice.name == "class weights")
    assert f"{counts.max() / counts.min():.1f} times" in reason


def test_labels_are_weighed_where_a_person_says_so_alone():
    classes = given()
    rare = np.arange(120) % 12 == 0
    source = replace(classes.source, task="multilabel", targets=np.stack([rare, rare, ~rare], 1).astype(np.float32))
    assert choose_target(replace(classes, source=source), lambda *words: None).class_weights == "none"
    assert max(class_weights(source, classes.split)) > 3


def test_the_loss_is_that_of_the_task_with_its_reason():
    classes = given()
    labels = replace(classes.source, task="multilabel", targets=np.eye(3, dtype=np.float32)[classes.source.targets])
    numbers = replace(classes.source, task="regress", targets=np.arange(120, dtype=np.float32)[:, None])
    for source, loss, smoothing in (
        (classes.source, "cross_entropy", 0.1),
        (labels, "bce", 0.0),
        (numbers, "huber", 0),
    ):
        chosen = choose(replace(classes, source=source))
        assert (chosen.recipe.target.loss, chosen.recipe.target.smoothing) == (loss, smoothing)
        (note,) = [choice for choice in chosen.choices if choice.name == "loss"]
        assert note.value == loss
        assert note.reason


def test_photographs_are_not_shifted_unless_a_person_says_so():
    photos = {"size": (100, 100), "n": 30}
    assert choose(given(**photos)).recipe.augment.crop == "resized"
    shifted = settle({"augment.crop_pad": 9, "augment.crop": "pad"}, "--set")
    assert choose(given(**photos, settings=shifted)).recipe.augment.crop_pad == 9


def test_the_rate_follows_the_pictures_of_a_step():
    """A batch that is named larger than the set is the set."""
    small, large = (choose(given(n=30, settings={"loop": {"batch_size": size}})).recipe.optim.lr for size in (24, 1024))
    assert small == large == pytest.approx(3e-3 * (24 / 64) ** 0.5)
    begun: Any = SimpleNamespace(family="vit", provenance={"preset": "cct_mini_patch4_32"})
    start = given(n=30, start=begun)
    assert tune_optim(start, 24, lambda *_: None).lr == tune_optim(start, 1024, lambda *_: None).lr


@pytest.mark.parametrize("preset", ["cct_nano_patch2_8", "deit_tiny_distilled_patch16_224"])
def test_run_toml_names_every_setting_and_gives_the_same_recipe(preset):
    wish = settle({"model.preset": preset, "preprocess.img_size": [32, 32]}, "--set")
    recipe = choose(given(settings=wish)).recipe
    asked = ask(recipe.to_dict(), None, where="run.toml")
    again = choose(given(settings=asked.settings)).recipe
    heeded = asked.heeded(again, "classify")
    assert again == again.with_settings(heeded.settings) == recipe
    assert heeded.noted == ()


def test_a_named_loss_brings_its_own_smoothing_and_ordinal_says_the_order():
    chosen = choose(given(settings=settle({"target.loss": "ordinal"}, "--set")))
    assert (chosen.recipe.target.loss, chosen.recipe.target.smoothing) == ("ordinal", 0.0)
    assert "you named it; the order is a, b, c" in [choice.reason for choice in chosen.choices]
    with pytest.raises(InputError, match='"huber" is not a loss of the task classify'):
        choose(given(settings=settle({"target.loss": "huber"}, "--set")))


def test_classes_drawn_evenly_are_not_weighed_too():
    uneven = np.array([0] * 80 + [1] * 30 + [2] * 10)
    settings = settle({"target.sampling": "balanced"}, "--set")
    chosen = choose(given(targets=uneven, settings=settings))
    assert chosen.recipe.target.class_weights == "none"
    assert "3 classes take turns" in next(choice.reason for choice in chosen.choices if choice.name == "sampling")
    numbers = given(settings=settings)
    source = replace(numbers.source, task="regress", targets=np.arange(120, dtype=np.float32)[:, None])
    with pytest.raises(InputError, match="no classes to draw evenly"):
        choose(replace(numbers, source=source))


def test_the_persons_word_stands():
    wish = {
        "model.preset": "vit_nano_patch4_32",
        "preprocess.img_size": 24,
        "loop.batch_size": 16,
        "optim.name": "sgd",
        "optim.lr": 0.5,
        "augment.flip": "none",
    }
    settings = settle(wish, "--set")
    chosen = choose(given(settings=settings))
    recipe = chosen.recipe.with_settings(settings)
    assert recipe.model.preset == "vit_nano_patch4_32"
    assert recipe.preprocess.img_size == (24, 24)
    assert recipe.loop.batch_size == 16
    assert (recipe.optim.name, recipe.optim.lr) == ("sgd", 0.5)
    named = {c.name for c in chosen.choices if c.reason == "you named it"}
    assert {"model", "image size", "batch size", "optimiser", "learning rate"} <= named


@pytest.mark.parametrize(
    ("preset", "lr", "steps"),
    [
        ("cct_mini_patch4_32", 3e-3, 3),
        ("cnn_small_32", 2e-3, 3),
        ("resnet18_32", 2e-3, 3),
        ("vit_mini_patch4_32", 3e-3, 5),
    ],
)
def test_muon_takes_the_rate_and_the_few_steps_that_were_measured(preset, lr, steps):
    optim = choose(given(n=2000, settings={"model": {"preset": preset}})).recipe.optim
    assert (optim.lr, optim.ns_steps) == (pytest.approx(lr), steps)
    assert is_measured("muon", preset)
    assert not is_measured("adamw", preset)
    assert not is_measured("muon", "swin_mini_patch2_window4_32")


@pytest.mark.parametrize(
    ("name", "usual"), [("muon", 0.05), ("adamw", 0.05), ("adam", 0.0), ("sgd", 5e-4), ("rmsprop", 0.0)]
)
def test_weights_decay_as_is_usual_for_the_optimiser(name, usual):
    """0.05 is AdamW's, whose decay is apart from the gradient; in the gradient (L2) it is a hundred times too much."""
    settings = settle({"optim.name": name}, "--set")
    assert choose(given(settings=settings)).recipe.optim.weight_decay == usual


def test_what_the_person_named_is_told_as_theirs():
    wish = {
        "loop.precision": "fp32",
        "loop.evaluations": 7,
        "target.class_weights": "none",
        "augment.crop": "none",
        "augment.erase": 0.25,
        "preprocess.fit": "crop",
        "mix.mixup": 0,
        "views.shift": 3,
    }
    settings = settle(wish, "--set")
    uneven = np.array([0] * 80 + [1] * 30 + [2] * 10)
    chosen = choose(given(targets=uneven, budget=Budget(epochs=40), settings=settings))
    told = {choice.name: (choice.value, choice.reason) for choice in chosen.choices}
    for name, value in {"precision": "fp32", "evaluations": "7", "class weights": "none", "fit": "crop"}.items():
        assert told[name] == (value, "you named it")
    seen = "each picture is seen 40 times"
    assert told["mixing"] == ("cutmix for 50% of the batches", f"you named mixup; {seen}")
    varied = "brightness, contrast, colour, a box erased from 25%, mirrored every other epoch"
    assert told["augmentation"] == (varied, f"you named crop, erase; {seen}")
    assert (told["views"][0], told["views"][1].split(";")[0]) == ("6", "you named shift")
    assert chosen.recipe.with_settings(settings).views == Views(mirror=True, shift=3)


@pytest.mark.parametrize(
    ("wish", "views"),
    [
        ({"augment.flip": "none"}, Views(mirror=False, shift=1)),
        ({"augment.flip": "random"}, Views(mirror=True, shift=1)),
        ({"augment.flip": "random", "augment.crop": "none"}, Views(mirror=True)),
    ],
)
def test_a_flip_and_a_crop_that_were_named_rule_views_and_mixing_too(wish, views, monkeypatch):
    monkeypatch.setattr(choose_variation, "mirror_test", None)  # is not paid for
    settings = settle(wish, "--set")
    chosen = choose(given(budget=Budget(epochs=40), settings=settings))
    assert chosen.recipe.augment.flip == wish["augment.flip"]
    assert chosen.recipe.views == views
    assert (chosen.recipe.mix.cutmix > 0) == views.mirror
    assert next(c.reason for c in chosen.choices if c.name == "mirroring") == "you named it"


@pytest.mark.parametrize(("name", "values"), [("precision", ["fp32", "bf16"]), ("accumulate", [1, 4])])
def test_the_pace_is_that_of_the_steps_that_were_named(name, values, monkeypatch):
    asked = []
    monkeypatch.setattr(rule, "measure_pace", lambda *_, **how: asked.append(how[name]) or Pace(100, 300))
    for value in values:
        named = {f"loop.{name}": value, "model.preset": "cct_mini_patch4_16"}
        choose(given(budget=Budget(minutes=1), settings=settle(named, "--set")))
    assert asked == values


@pytest.mark.parametrize("tune", ["last", "lora", "head"])
def test_the_pace_is_that_of_what_learns(tune, monkeypatch):
    asked = []

    def measure(module, **_):
        asked.append(all(parameter.requires_grad for parameter in module.parameters()))
        return Pace(100, 300)

    monkeypatch.setattr(rule, "measure_pace", measure)
    settings = {"model": {"preset": "cct_mini_patch4_16"}, "transfer": {"tune": tune}, "teacher": {"model": "auto"}}
    choose(given(budget=Budget(minutes=1), settings=settings))
    assert asked == [False, True]  # and of a teacher all does


def test_every_choice_has_a_reason_and_the_recipe_survives_run_toml():
    chosen = choose(given(budget=Budget(epochs=40)))
    assert all(c.reason and c.value and c.name for c in chosen.choices)
    assert Recipe.from_dict(chosen.recipe.to_dict()) == chosen.recipe


def test_the_rule_leaves_the_random_state_alone(monkeypatch):
    monkeypatch.undo()  # what it measures leaves it alone too
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    choose(given())
    assert torch.equal(torch.rand(3), expected)


def test_digits(monkeypatch):
    monkeypatch.undo()  # whether they may be mirrored is asked of them
    source = data.open("digits")
    found = check(source)
    recipe = choose(
        Given(source, found, split(source, found.facts), Budget(epochs=40), 0.0, torch.device("cpu"))
    ).recipe
    assert recipe.model.preset == "cct_mini_patch4_16"
    assert recipe.augment.flip == "none"
    assert recipe.views == Views(mirror=False, shift=1)
    assert recipe.augment.rotate == 10
    assert recipe.mix == MixConfig()


@pytest.mark.parametrize(("budget", "expected"), [(Budget(minutes=2), 10.0), (Budget(epochs=5), np.inf)])
def test_the_mirror_test_may_read_for_a_tenth_of_the_clock(budget, expected, monkeypatch):
    told = {}
    monkeypatch.setattr(
        choose_variation, "mirror_test", lambda *_, **options: told.update(options) or MirrorTest(9, 1.0, 0, 0)
    )
    preprocess = Preprocess((16, 16), 3, (0.5,) * 3, (0.25,) * 3)
    choose_mirror(replace(given(budget=budget), seconds=100.0), preprocess, lambda *words: None)
    assert told == {"seconds": expected}


def test_a_budget_in_steps_counts_the_pictures_that_a_batch_holds():
    """A set that is smaller than a batch is one: 60 steps are 60 passes over 24 pictures."""
    plenty = choose(given(size=(100, 140), n=30, budget=Budget(steps=60)))
    assert plenty.recipe.preprocess.img_size == (128, 128)
    assert next(choice.value for choice in plenty.choices if choice.name == "epochs") == "60"


def test_a_shift_that_the_pictures_do_not_have_room_for_is_told_before_training():
    with pytest.raises(InputError, match=r"views.shift = 16 is not below 16"):
        choose(given(settings=settle({"views.shift": 16}, "--set")))


def test_a_rate_that_was_not_measured_is_not_called_so():
    for wish in ({"optim.name": "sgd"}, {"model.preset": "vit_nano_patch2_16"}):
        chosen = choose(given(settings=settle(wish, "--set")))
        assert "learning rate" not in {choice.name for choice in chosen.choices}


@pytest.mark.parametrize(
    ("preset", "wish", "told"),
    [
        ("cct_mini_patch4_32", {}, "measured for this family"),
        ("cct_midi_patch8_32", {}, "measured for this family"),
        ("vit_small_patch16_224", {}, "as published models are fine-tuned"),
        ("cct_mini_patch4_32", {"name": "sgd"}, "AdamW's: none was"),
    ],
)
def test_the_rate_of_a_start_says_for_which_model_and_optimiser_it_was_measured(preset, wish, told):
    begun: Any = SimpleNamespace(family="vit", provenance={"preset": preset})
    reasons = {}
    optim = tune_optim(
        given(start=begun, settings={"optim": wish}), 64, lambda name, value, reason: reasons.update({name: reason})
    )
    assert optim.name == wish.get("name", "adamw")
    assert reasons["learning rate"].startswith(told)


@pytest.mark.parametrize(("preset", "decay"), [("cnn_small_32", 1.0), ("convnext_tiny_224", 0.75)])
def test_layer_decay_is_chosen_and_told_where_there_are_layers(preset, decay):
    begun: Any = SimpleNamespace(family=preset.partition("_")[0], provenance={"preset": preset})
    told = []
    assert tune_optim(given(start=begun), 64, lambda *choice: told.append(choice[:2])).layer_decay == decay
    assert [value for name, value in told if name == "layer decay"] == [decay] * (decay < 1)


def test_the_rule_sees_the_part_of_the_budget_that_a_taught_student_has():
    def chosen(share):
        settings = {"teacher": {"model": "auto", "budget_share": share}}
        return choose(given(budget=Budget(epochs=100), settings=settings))

    half, tenth = chosen(0.5), chosen(0.9)
    assert half.recipe.budget == tenth.recipe.budget == Budget(epochs=100)
    assert [next(c.value for c in one.choices if c.name == "epochs") for one in (half, tenth)] == ["50", "10"]
    assert half.recipe.mix.cutmix > 0 == tenth.recipe.mix.cutmix
    note = next(c for c in half.choices if c.name == "teacher")
    assert (note.value, note.reason.split(";")[0]) == ("cnn_small_32", "trained first, with 50% of the budget")


@pytest.mark.parametrize(("model", "epochs", "doubted"), [("auto", 10, True), ("auto", 100, False), ("", 10, False)])
def test_a_teacher_is_doubted_where_time_is_short(model, epochs, doubted):
    chosen = choose(given(budget=Budget(epochs=epochs), settings={"teacher": {"model": model}}))
    assert ("worth of a teacher" in [choice.name for choice in chosen.choices]) == doubted


def test_a_taught_student_has_the_rest_of_the_clock():
    settings = {"teacher": {"model": "auto", "budget_share": 0.3}}
    student = without_teacher(replace(given(budget=Budget(minutes=10), settings=settings), seconds=600.0))
    assert student.seconds == pytest.approx(420)
    assert student.budget.minutes == pytest.approx(7)


def test_a_student_waits_for_the_answers_of_its_teacher():
    preprocess, alone = Preprocess((16, 16), 3, (0.5,) * 3, (0.25,) * 3), Pace(train=100.0, evaluate=300.0)
    taught = taught_pace(given(), lambda *_: Pace(1.0, 100.0), TeacherConfig("auto"), preprocess, 32, alone)
    assert (taught.train, taught.evaluate) == (pytest.approx(50), 300)


def test_both_heads_of_a_distilled_deit_have_something_to_learn():
    def chosen(preset):
        wish = {"model.preset": preset, "preprocess.img_size": [32, 32], "teacher.model": "auto", "teacher.share": 1.0}
        return choose(given(settings=settle(wish, "--set"))).recipe.teacher

    with pytest.raises(InputError, match=r"teacher.share = 1.0 leaves one head .*; set a share below 1"):
        chosen("deit_tiny_distilled_patch16_224")
    assert chosen("vit_nano_patch4_32").share == 1


@pytest.mark.parametrize(
    ("preset", "wish", "kind", "share"),
    [
        ("vit_nano_patch4_32", {}, "soft", 0.9),
        ("deit_tiny_distilled_patch16_224", {}, "hard", 0.5),
        ("deit_tiny_distilled_patch16_224", {"kind": "soft"}, "soft", 0.5),
    ],
)
def test_a_lone_head_hears_soft_answers_and_a_second_one_hard_ones(preset, wish, kind, share):
    settings = {"teacher": {"model": "auto", **wish}, "model": {"preset": preset}, "preprocess": {"img_size": (32, 32)}}
    teacher = choose(given(settings=settings)).recipe.teacher
    assert (teacher.kind, teacher.share) == (kind, share)
