"""A model measured on data: labels matched by name, the surest mistakes first, thumbnails that keep their shape."""

from dataclasses import replace
from unicodedata import normalize

import numpy as np
import pytest
import torch
from tests.recipes.test_choose import given

from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.evaluate.evaluation import evaluate_on, match_labels, thumbnail
from smalti.ready import Model
from smalti.recipes.remarks import not_labelled


class Brightness(torch.nn.Module):
    """Calls a picture by its mean: dark, middle or bright."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(8.0))

    def forward(self, images):
        mean = images.mean((1, 2, 3))
        return torch.stack([-mean, 0.5 - mean.abs(), mean], 1) * self.scale


RULE = Preprocess((8, 8), 3, (0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def source():
    made = given(n=30).source
    made.storage.pictures = np.stack([np.full((16, 16, 3), 20 + 100 * (i % 3), np.uint8) for i in range(30)])
    return made


def test_figures_and_the_surest_mistakes(source):
    model = Model(Brightness(), "classify", ("a", "b", "c"), RULE)
    right = evaluate_on(model, source, np.arange(30))
    assert right.metrics["accuracy"].value == 1
    assert right.mistakes == ()
    assert right.confusion.trace() == 30
    source.targets[:] = (source.targets + (np.arange(30) < 4)) % 3  # four labels are now wrong
    wrong = evaluate_on(model, source, np.arange(30))
    assert wrong.metrics["accuracy"].value == pytest.approx(26 / 30)
    assert len(wrong.mistakes) == 4
    sure = [mistake.probability for mistake in wrong.mistakes]
    assert sure == sorted(sure, reverse=True)
    assert wrong.mistakes[0].target != wrong.mistakes[0].predicted
    assert wrong.to_dict()["n"] == 30


def test_labels_are_matched_by_name(source):
    model = Model(Brightness(), "classify", ("c", "a", "b"), RULE)
    matched = match_labels(source, model)
    assert matched.labels == model.labels
    assert [matched.labels[t] for t in matched.targets] == [source.labels[t] for t in source.targets]
    with pytest.raises(InputError, match="1 of its 3 labels are unknown to the model: c"):
        match_labels(source, Model(Brightness(), "classify", ("a", "b"), RULE))
    with pytest.raises(InputError, match="the data is for classify, the model for regress"):
        match_labels(source, Model(Brightness(), "regress", ("a",), RULE))


def test_a_model_without_labels_is_sent_to_probe(source):
    with pytest.raises(InputError, match="no labels, it gives features; smalti probe MODEL DATA"):
        match_labels(source, Model(Brightness(), "classify", (), RULE))


def test_groups_of_the_data_reach_the_intervals(source):
    model = Model(Brightness(), "classify", ("a", "b", "c"), RULE)
    source.targets[:12] = (source.targets[:12] + 1) % 3
    grouped = replace(source, groups=np.arange(30) // 6 + 7)
    alone, together = (evaluate_on(model, one, np.arange(24)) for one in (source, grouped))
    before, metric = alone.metrics["accuracy"], together.metrics["accuracy"]
    assert metric.groups == 4
    assert metric.high - metric.low > before.high - before.low
    assert together.to_dict()["metrics"]["accuracy"]["groups"] == 4


class Three(torch.nn.Module):
    """Answers 3 and 3."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(2))

    def forward(self, images):
        return 3 * self.scale.expand(len(images), 2)


def test_the_largest_errors_are_in_deviations_of_each_target(source):
    targets = np.full((30, 2), 3, np.float32)
    targets[:2, 0] = (900, -900)  # dollars: far off, but so are others
    targets[2:20, 0] = np.linspace(-900, 900, 18)
    targets[25, 1] = 3.5  # years: the only one
    measured = replace(source, task="regress", labels=("price", "age"), targets=targets)
    found = evaluate_on(Model(Three(), "regress", ("price", "age"), RULE), measured, np.arange(30))
    assert found.mistakes[0].target == "3, 3.5"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_labels_are_the_same_however_their_accents_are_written(source, form):
    ours, theirs = (tuple(normalize(one, label) for label in ("ä", "b", "ü")) for one in ("NFC", "NFD"))
    if form == "NFD":
        ours, theirs = theirs, ours
    matched = match_labels(replace(source, labels=theirs), Model(Brightness(), "classify", ours, RULE))
    assert matched.labels == ours
    np.testing.assert_array_equal(matched.targets, source.targets)


def test_labels_that_a_multi_label_set_lacks_are_not_measured(source):
    targets = np.eye(3, dtype=np.float32)[source.targets]
    several = replace(source, task="multilabel", labels=("c", "b"), targets=targets[:, [2, 1]])
    model = Model(Brightness(), "multilabel", ("a", "b", "c"), RULE)
    matched = match_labels(several, model)
    assert matched.labels == ("b", "c")
    np.testing.assert_array_equal(matched.targets, targets[:, 1:])
    found = evaluate_on(model, matched, np.arange(30))
    assert [row["label"] for row in found.table] == ["b", "c"]
    assert found.metrics["map"].value == 1
    assert "1 of 2" not in found.metrics["map"].note
    (told,) = not_labelled(matched, model)
    assert (told.value, told.reason) == ("1 label", "the data does not have a")
    assert not_labelled(match_labels(source, Model(Brightness(), "classify", ("a", "b", "c"), RULE)), model) == ()


def test_a_target_that_the_data_lacks_is_named(source):
    numbers = source.targets[:, None].astype(np.float32)
    measured = replace(source, task="regress", labels=("width", "height"), targets=np.hstack([numbers, 100 + numbers]))
    model = Model(Brightness(), "regress", ("height", "width"), RULE)
    matched = match_labels(measured, model)
    assert matched.labels == model.labels
    assert matched.targets[:, 0].min() == 100
    with pytest.raises(InputError, match="lacks 1 of the model's 2 targets: height; give a column for each"):
        match_labels(replace(measured, labels=("width",), targets=numbers), model)


def test_thumbnails_keep_their_shape(source):
    source.storage.pictures = np.zeros((30, 300, 600, 3), np.uint8)
    assert thumbnail(source, 0, RULE).shape == (80, 160, 3)
    source.storage.pictures = np.zeros((30, 5, 9, 3), np.uint8)
    assert thumbnail(source, 0, RULE).shape == (5, 9, 3)


@pytest.mark.parametrize("channels", [1, 4, 7])
def test_thumbnails_keep_their_channels(source, channels):
    """Which of them the report shows is decided there."""
    source.storage.pictures = np.random.default_rng(0).integers(256, size=(30, 5, 9, channels)).astype(np.uint8)
    rule = replace(RULE, in_chans=channels, mean=(0.5,) * channels, std=(0.25,) * channels)
    np.testing.assert_array_equal(thumbnail(source, 0, rule), source.storage.pictures[0])
