"""The parts of a run: class weights, standardised targets, and the head that gives their units back."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.recipes.test_choose import given

from smalti.models import create_model
from smalti.objectives.losses import LOSSES
from smalti.recipes import assemble
from smalti.recipes.assemble import (
    class_weights,
    find_rate,
    fold_scale,
    make_batches,
    make_evaluator,
    make_pictures,
    range_steps,
    standardise,
    target_objective,
)
from smalti.recipes.choose import choose
from smalti.recipes.pace import Pace
from smalti.recipes.recipe import TargetConfig
from smalti.train.budget import Budget

pytestmark = pytest.mark.usefixtures("unmeasured")


def test_class_weights_are_roots_of_rarity_and_one_on_average():
    circumstances = given(targets=np.array([0] * 80 + [1] * 20 + [2] * 20))
    weights = np.array(class_weights(circumstances.source, circumstances.split))
    counts = np.bincount(circumstances.source.targets[circumstances.split.train], minlength=3)
    assert weights[1] / weights[0] == pytest.approx(np.sqrt(counts[0] / counts[1]))
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)


def test_class_weights_follow_what_is_learned_from_alone():
    circumstances = given(n=16, classes=2, targets=np.array([0] * 6 + [1] * 2 + [0] * 2 + [1] * 6))
    parts = replace(circumstances.split, train=np.arange(8), val=np.arange(0), test=np.arange(8, 16))
    weights = np.array(class_weights(circumstances.source, parts))
    assert weights[1] / weights[0] == pytest.approx(np.sqrt(3))
    assert weights @ [6, 2] / 8 == pytest.approx(1)


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, losses in LOSSES.items() for name in losses])
def test_the_loss_that_was_named_is_the_one_that_is_learned(task, name):
    circumstances = given(n=30)
    targets = np.arange(90).reshape(30, 3) % 2 if task != "classify" else circumstances.source.targets
    source = replace(circumstances.source, task=task, targets=targets.astype(np.float32))
    target = TargetConfig(loss=name, gamma=1.5)
    recipe = replace(choose(circumstances).recipe, target=target)
    objective = target_objective(recipe.target, source, circumstances.split)
    logits, batch = torch.randn(30, 3), {"image": torch.empty(0), "target": torch.from_numpy(targets)}
    loss, _ = objective(lambda _: logits, {name: t.float() if task != "classify" else t for name, t in batch.items()})
    about = {"gamma": 1.5} if name == "focal" else {}
    answers = torch.eye(3)[batch["target"]] if task == "classify" else batch["target"].float()
    torch.testing.assert_close(loss, LOSSES[task][name](logits, answers, **about).mean())


def test_balanced_sampling_draws_the_training_pictures_of_each_class_equally_often():
    circumstances = given(n=60, targets=np.array([0] * 40 + [1] * 15 + [2] * 5))
    recipe = choose(circumstances).recipe.with_settings({"target.sampling": "balanced", "loop.batch_size": 6})
    pictures = make_pictures(recipe, circumstances.source, 0, show=False)
    batches = make_batches(recipe, pictures, circumstances.split, torch.device("cpu"))
    drawn = np.concatenate(batches.order(0))
    assert np.isin(drawn, circumstances.split.train).all()
    assert set(np.bincount(circumstances.source.targets[drawn]).tolist()) == {2 * len(batches)}


def test_each_epoch_is_mixed_anew(monkeypatch):
    steps = []
    monkeypatch.setattr(assemble, "mix", lambda batch, *_, step, **__: steps.append(step) or batch)
    circumstances = given(n=60)
    recipe = choose(circumstances).recipe.with_settings({"mix.cutmix": 1.0, "loop.batch_size": 12})
    pictures = make_pictures(recipe, circumstances.source, 0, show=False)
    batches = make_batches(recipe, pictures, circumstances.split, torch.device("cpu"))
    for epoch in (0, 1):
        list(batches.epoch(epoch))
    assert len(set(steps)) == len(steps) == 2 * len(batches) > 2


def test_a_model_is_chosen_on_val():
    circumstances = given(n=30)
    recipe = choose(circumstances).recipe
    pictures = make_pictures(recipe, circumstances.source, 0, show=False)
    evaluator = make_evaluator(recipe, pictures, circumstances.split, torch.device("cpu"))
    np.testing.assert_array_equal(evaluator.batches.indices, circumstances.split.val)


@pytest.mark.parametrize(
    ("budget", "seconds", "steps"),
    [
        (Budget(steps=5), None, 5),
        (Budget(steps=1000), None, 60),
        (Budget(epochs=10), None, 40),
        (Budget(minutes=1), 32.0, 10),
        (Budget(minutes=60), 3600.0, 60),
    ],
)
def test_a_range_test_takes_a_part_of_the_run(budget, seconds, steps):
    """A hundred pictures a second, in batches of 32, of which an epoch has four."""
    circumstances = given(n=170)
    recipe = replace(choose(circumstances).recipe, budget=budget)
    assert range_steps(recipe, circumstances.split, Pace(100, 300), seconds) == steps


def test_a_range_test_of_few_steps_is_left_out_and_that_is_told(monkeypatch):
    lines = []

    @contextmanager
    def progress(total, what, *, show):
        lines.append((total, what, show))
        yield lines.append

    circumstances = given(n=30)
    recipe = choose(circumstances).recipe.with_settings({"model.options.depth": 2})
    pictures = make_pictures(recipe, circumstances.source, 0, show=False)
    about = (recipe, circumstances.source, circumstances.split, pictures, torch.device("cpu"))
    kept, choice = find_rate(*about, 19, show=False)
    assert kept == recipe
    assert "too small for a range test" in choice.reason
    monkeypatch.setattr(assemble, "progress", progress)
    _, choice = find_rate(*about, 20, show=True)
    assert "a range test of 20 steps" in choice.reason
    assert lines[0] == (20, "range test of the learning rate", True)
    assert 10 < sum(lines[1:]) <= 20  # it may end early


def test_a_last_layer_is_fitted_to_pictures_as_they_are():
    circumstances = given(n=30)
    recipe = choose(circumstances).recipe.with_settings({"augment.crop": "resized"})
    learning = make_pictures(recipe, circumstances.source, 0, show=False)
    fitted = make_pictures(recipe.with_settings({"transfer.tune": "head"}), circumstances.source, 0, show=False)
    assert learning.exact is not learning
    assert fitted.exact is fitted


def test_standardised_targets_and_the_folded_head_are_inverse():
    circumstances = given(n=60)
    rng = np.random.default_rng(1)
    targets = (rng.normal(size=(60, 2)) * [5, 0.1] + [100, -3]).astype(np.float32)
    source = replace(circumstances.source, task="regress", labels=("x", "y"), targets=targets)
    learned, scale = standardise(source, circumstances.split)
    train = learned.targets[circumstances.split.train]
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(train.std(0), 1, atol=1e-4)

    model = create_model("vit_nano_patch4_16", num_classes=2).eval()
    torch.nn.init.normal_(model.head.weight)
    torch.nn.init.normal_(model.head.bias)
    images = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        units = model(images)
        folded = fold_scale(model, scale)(images)
    mean, deviation = scale
    np.testing.assert_allclose(folded.numpy(), units.numpy() * deviation + mean, rtol=1e-4, atol=1e-4)


def test_a_target_that_is_constant_in_train_keeps_its_unit():
    circumstances = given(n=60)
    targets = np.stack([np.full(60, 0.1), np.arange(60)], 1).astype(np.float32)
    targets[circumstances.split.val, 0] = 1.1
    source = replace(circumstances.source, task="regress", labels=("flag", "size"), targets=targets)
    learned, (_, deviation) = standardise(source, circumstances.split)
    assert deviation[0] == 1
    np.testing.assert_allclose(learned.targets[circumstances.split.train, 0], 0, atol=1e-6)
    np.testing.assert_allclose(learned.targets[circumstances.split.val, 0], 1, atol=1e-6)


def test_classes_are_left_as_they_are():
    circumstances = given()
    source, scale = standardise(circumstances.source, circumstances.split)
    assert source is circumstances.source
    assert scale is None
