"""What the outputs are, and their labels: as the folder says, or as is asked for."""

import time
from pathlib import Path

import pytest
from safetensors.torch import save_file
from tests.importing.small import PICTURE, folder_of

import smalti
from smalti.cli import run
from smalti.errors import InputError
from smalti.importing import published_model
from smalti.importing.outputs import find_labels
from smalti.modelfile import read_model
from smalti.weights import Published


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ({"id2label": {"0": "a", "2": "c"}}, ("a", "class 1", "c")),
        ({"id2label": {"0": "a", "2": "c", "5": "f"}}, ("class 0", "class 1", "class 2")),
        ({"id2label": {"0": "a", "1": "a", "2": "a (1)"}}, ("a (0)", "a (1) (1)", "a (1) (2)")),
        ({"label_names": {"1": "b", "0": "a", "2": "c"}}, ("a", "b", "c")),
        ({"pretrained_cfg": {"label_names": ["a", "b", "c"]}}, ("a", "b", "c")),
    ],
)
def test_labels_are_those_of_their_outputs(told, labels, tmp_path):
    assert published_model(folder_of(tmp_path, **told)).model.labels == labels


@pytest.mark.parametrize(
    ("problem", "classes", "task"),
    [
        ("multi_label_classification", 3, "multilabel"),
        ("regression", 3, "regress"),
        ("single_label_classification", 3, "classify"),
        (None, 3, "classify"),
        (None, 1, "regress"),
    ],
)
def test_what_the_outputs_are_is_as_the_folder_says(problem, classes, task, tmp_path):
    folder = folder_of(tmp_path / "theirs", classes=classes, problem_type=problem)
    made = smalti.import_weights(folder, tmp_path / "m.safetensors")
    model = smalti.load(made.path, device="cpu", precision="fp32")
    logits = model.module(model.preprocess([PICTURE]))[0]
    expected = {"classify": logits.softmax(-1), "multilabel": logits.sigmoid(), "regress": logits}[task]
    (answer,) = model.predict(PICTURE)
    assert model.task == task
    assert list(answer.values.values()) == pytest.approx(expected.tolist(), abs=1e-4)


def test_what_the_outputs_are_can_be_said_and_one_is_no_class(tmp_path):
    """The softmax of one output is 1 for every picture."""
    out, preset = tmp_path / "m.safetensors", "vit_nano_patch4_32"
    for outputs in (0, 1, 3):
        save_file(smalti.create_model(preset, num_classes=outputs).state_dict(), tmp_path / f"{outputs}.safetensors")
    for options in ({}, {"task": "classify"}):
        with pytest.raises(InputError, match=r"has one output.*--task regress or --task multilabel"):
            smalti.import_weights(tmp_path / "1.safetensors", out, preset=preset, **options)
    assert not out.exists()
    command = ["import-weights", str(tmp_path / "1.safetensors"), "--preset", preset, "--out", str(out)]
    assert run([*command, "--task", "regress"]) == 0
    assert read_model(out).task == "regress"
    made = published_model(tmp_path / "3.safetensors", preset=preset, task="multilabel")
    assert made.model.task == "multilabel"
    with pytest.raises(InputError, match="has no outputs"):
        published_model(tmp_path / "0.safetensors", preset=preset, task="regress")
    with pytest.raises(InputError, match="task = 'sort' is not one of"):
        published_model(tmp_path / "3.safetensors", preset=preset, task="sort")  # type: ignore[arg-type]


def test_labels_by_other_than_numbers_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"labels are not told by number.*--labels"):
        published_model(folder_of(tmp_path, id2label={"LABEL_0": "a", "LABEL_1": "b", "LABEL_2": "c"}))


def test_many_labels_of_which_two_are_equal_take_no_time():
    names = {str(i): f"name {max(i, 1)}" for i in range(20_000)}
    published = Published(Path("x"), {}, {"id2label": names})
    began = time.monotonic()
    labels = find_labels(published, len(names), None, [])
    assert labels[:3] == ("name 1 (0)", "name 1 (1)", "name 2")
    assert time.monotonic() - began < 0.5
