"""What rows say: classes, labels and numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.formats.manifest.writing import write

import smalti.data.opening as opening
from smalti.data.source import Source
from smalti.errors import InputError


@pytest.mark.parametrize("written", ["""['b', 'a']""", '["b", "a"]', "b|a"])
def test_lists_in_a_cell_are_labels(folder: Path, written: str) -> None:
    quoted = written.replace('"', '""')
    path = write(folder, f'path,labels\nimages/1.png,"{quoted}"\nimages/0.png,[]\nimages/2.png,[a\n')
    source = opening.open(path)
    assert source.labels == ("[a", "a", "b")
    assert source.targets.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("column", ["class", "category", "Class"])
@pytest.mark.parametrize("task", [None, "classify"])
def test_a_label_may_be_called_a_class(folder: Path, column: str, task) -> None:
    path = write(folder, f"path,text,{column}\nimages/1.png,x,dog\nimages/0.png,y,cat\n")
    source = opening.open(path, task=task)
    assert (source.task, source.labels, source.targets.tolist()) == ("classify", ("cat", "dog"), [1, 0])


def test_what_is_called_a_label_or_target_goes_before_a_class(folder: Path) -> None:
    rows = "images/1.png,dog,animal,2.5\nimages/0.png,cat,animal,1.5\n"
    named = opening.open(write(folder, f"path,label,class,weight\n{rows}"))
    assert named.labels == ("cat", "dog")
    numbers = opening.open(write(folder, f"path,class,category,target\n{rows}"))
    assert (numbers.task, numbers.targets.tolist()) == ("regress", [[2.5], [1.5]])
    asked = opening.open(write(folder, f"path,class,category,target\n{rows}"), task="classify")
    assert asked.labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "path,labels\nimages/0.png,b|a\nimages/1.png,\nimages/2.png, c ; a;\n"),
        (
            "m.jsonl",
            '{"path":"images/0.png","labels":["b","a"]}\n{"path":"images/1.png","labels":[]}\n{"path":"images/2.png","labels":["c","a"]}',
        ),
    ],
)
def test_several_labels(folder: Path, name: str, text: str) -> None:
    source = opening.open(write(folder, text, name))
    assert (source.task, source.labels) == ("multilabel", ("a", "b", "c"))
    assert source.targets.dtype == np.float32
    assert source.targets.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 1]]


@pytest.mark.parametrize(
    ("name", "text", "labels", "targets"),
    [
        ("m.csv", "path,target\nimages/0.png,1.5\nimages/1.png,-2e3\n", ("target",), [[1.5], [-2000]]),
        ("m.csv", "path,target_x,target_y\nimages/0.png,1,2\n", ("target_x", "target_y"), [[1, 2]]),
        ("m.csv", "path,targets\nimages/0.png,1|2\nimages/1.png,3|4\n", ("target_0", "target_1"), [[1, 2], [3, 4]]),
        ("m.jsonl", '{"path":"images/0.png","targets":[1,2]}', ("target_0", "target_1"), [[1, 2]]),
        ("m.jsonl", '{"path":"images/0.png","target":2.5}', ("target",), [[2.5]]),
        ("m.csv", "path;target\nimages/0.png;0,53\nimages/1.png;2.5\n", ("target",), [[0.53], [2.5]]),
        ("m.csv", 'path;targets\nimages/0.png;"1,5;-2,5"\n', ("target_0", "target_1"), [[1.5, -2.5]]),
    ],
)  # fmt: skip
def test_numbers(folder: Path, name: str, text: str, labels: tuple[str, ...], targets: list[list[float]]) -> None:
    source = opening.open(write(folder, text, name))
    assert (source.task, source.labels, source.targets.dtype) == ("regress", labels, np.float32)
    np.testing.assert_array_equal(source.targets, np.asarray(targets, np.float32))


def test_the_task_chooses_among_columns(folder: Path) -> None:
    path = write(folder, "path,label,target\nimages/0.png,7,0.5\nimages/1.png,9,0.25\n")
    with pytest.raises(
        InputError, match="more than one task, label, target; choose one with --task classify or --task regress"
    ):
        opening.open(path)
    assert opening.open(path, task="classify").labels == ("7", "9")
    assert opening.open(path, task="regress").targets.tolist() == [[0.5], [0.25]]
    only_label = write(folder, "path,label\nimages/0.png,7\nimages/1.png,9\n", "only.csv")
    assert opening.open(only_label, task="regress").targets.tolist() == [[7], [9]]
    with pytest.raises(InputError, match="no column for the task classify"):
        opening.open(write(folder, "path,target_x\nimages/0.png,7\n", "x.csv"), task="classify")


def test_columns_of_zeros_and_ones_are_labels(folder: Path) -> None:
    def told(rows: str, task=None) -> Source:
        write(folder, f"filename, Rock, paper ,split\n{rows}", "_classes.csv")
        return opening.open(folder, task=task)

    rows = "images/0.png,1,0,train\nimages/1.png,0,1.0,train\nimages/2.png, 1.0 ,0.0,test\n"
    single = told(rows)
    assert (single.task, single.labels, single.targets.tolist()) == ("classify", ("Rock", "paper"), [0, 1, 0])
    assert single.splits.tolist() == [0, 0, 2]
    several = told(f"{rows}images/3.png,1,1,train\nimages/4.png,0,0,train\n")
    assert (several.task, several.labels) == ("multilabel", ("Rock", "paper"))
    assert several.targets.tolist() == [[1, 0], [0, 1], [1, 0], [1, 1], [0, 0]]
    assert told(rows, "multilabel").targets.tolist() == [[1, 0], [0, 1], [1, 0]]
    with pytest.raises(InputError, match="no target column"):
        told(rows, "regress")
    with pytest.raises(InputError, match="no label or target column; its columns are filename, Rock, paper, split"):
        told(f"{rows}images/3.png,2,1,train\n")


def test_columns_of_minus_one_and_one_are_labels_too(folder: Path) -> None:
    path = write(folder, "image_id,Bald,Smiling\nimages/0.png,-1,1\nimages/1.png,1,1.0\nimages/2.png,-1.0,-1\n")
    source = opening.open(path)  # as CelebA has them
    assert (source.task, source.labels) == ("multilabel", ("Bald", "Smiling"))
    assert source.targets.tolist() == [[0, 1], [1, 1], [0, 0]]
    write(folder, "path,edema,mass\nimages/0.png,-1,1\nimages/1.png,0,1\n")  # where -1 is no answer
    with pytest.raises(InputError, match="no label or target column"):
        opening.open(path)


def test_one_split_alone_may_have_several_ones_in_a_row(folder: Path) -> None:
    (folder / "train").mkdir()
    (folder / "test").mkdir()
    write(folder, "filename,a,b\n../images/0.png,1,0\n../images/1.png,0,1\n", "train/_classes.csv")
    write(folder, "filename,a,b\n../images/2.png,1,1\n", "test/_classes.csv")
    source = opening.open(folder)
    assert (source.task, source.targets.tolist()) == ("multilabel", [[1, 1], [1, 0], [0, 1]])


@settings(max_examples=40)
@given(labels=st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6))
def test_any_label_text_survives_jsonl_and_stays_safe(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("m")
    (folder / "0.png").write_bytes(b"x")
    lines = [json.dumps({"path": "0.png", "label": label}) for label in labels]
    path = write(folder, "\n".join(lines), "m.jsonl")
    if any(not label.strip() for label in labels):
        with pytest.raises(InputError, match="no label"):
            opening.open(path)
    else:
        source = opening.open(path)
        assert all(label.isprintable() for label in source.labels)
        plain = [(i, label.strip()) for i, label in enumerate(labels) if label.strip().isprintable()]
        assert [source.labels[source.targets[i]] for i, _ in plain] == [label for _, label in plain]
