"""The parts of a run: class weights, standardised targets, and the head that gives their units back."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.recipes.test_choose import given

from smalti.models import create_model
from smalti.recipes.assemble import class_weights, fold_scale, standardise


def test_class_weights_are_roots_of_rarity_and_one_on_average():
    circumstances = given(targets=np.array([0] * 80 + [1] * 20 + [2] * 20))
    weights = np.array(class_weights(circumstances.source, circumstances.split))
    counts = np.bincount(circumstances.source.targets[circumstances.split.train], minlength=3)
    assert weights[1] / weights[0] == pytest.approx(np.sqrt(counts[0] / counts[1]))
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)


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
    images = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        units = model(images)
        folded = fold_scale(model, scale)(images)
    mean, deviation = scale
    np.testing.assert_allclose(folded.numpy(), units.numpy() * deviation + mean, rtol=1e-4, atol=1e-4)


def test_classes_are_left_as_they_are():
    circumstances = given()
    source, scale = standardise(circumstances.source, circumstances.split)
    assert source is circumstances.source
    assert scale is None
