"""Folders that look like splits under other names, or like classes on two levels."""

import hashlib
import re
import shutil
from itertools import product
from pathlib import Path

import pytest
from PIL import Image
from tests.data.formats.folders.trees import in_splits, splits_in, tree

import smalti.data.opening as opening
from smalti.data.check import check
from smalti.data.formats.folders import class_folders
from smalti.data.split import split as divide


@pytest.mark.parametrize("words", [("Trainingsdaten", "Validierung", "Testdaten"), ("Lernen", "Pru\u0308fung")])
def test_a_few_folders_over_the_same_folders_are_unnamed_splits(words: tuple[str, ...]) -> None:
    paths = [f"{word}/{c}/1.jpg" for word in words for c in ("B\u00e4r", "cat")]
    paths[0] = paths[0].replace("\u00e4", "a\u0308")
    (problem,) = class_folders(tree(*paths, f"{words[0]}/only here/1.jpg")).problems
    assert (problem.kind, problem.fatal) == ("unknown_split", True)
    assert problem.cause == f"{', '.join(sorted(words))} look like splits over the classes B\u00e4r, cat"
    assert problem.mend.endswith("if they are versions of the same pictures, name one of them as DATA")
    assert class_folders(tree(*(f"train/{path}" for path in paths))).problems == ()  # said to be the classes


@pytest.mark.parametrize(
    "paths",
    [
        ("cat/big/1.jpg", "cat/small/1.jpg", "dog/big/1.jpg"),
        ("cat/big/1.jpg", "cat/small/1.jpg", "dog/big/1.jpg", "dog/small/1.jpg", "dog/1.jpg"),
        tuple(f"{c}/{session}/1.jpg" for c in range(10) for session in ("monday", "friday")),
    ],
)
def test_folders_below_classes_are_no_splits(paths: tuple[str, ...]) -> None:
    assert "unknown_split" not in {problem.kind for problem in class_folders(tree(*paths)).problems}


def test_split_words_are_no_classes_of_unnamed_splits() -> None:
    (problem,) = class_folders(
        tree(*(f"{top}/{c}/1.jpg" for top in ("mine", "yours") for c in ("car", "test", "van")))
    ).problems
    assert problem.cause == "mine, yours look like splits over the classes car, van"


@pytest.mark.parametrize(
    "paths",
    [
        (*splits_in("rose"), *(f"{c}/1.jpg" for c in "abc")),  # most classes have none
        ("car/1.jpg", "train/1.jpg", "test/1.jpg"),
        ("one/fruit/train/a/1.jpg", "one/fruit/test/a/1.jpg", "two/fruit/train/a/1.jpg", "two/fruit/test/a/1.jpg"),
    ],
)
def test_folders_called_as_splits_that_are_none_are_told(paths: tuple[str, ...]) -> None:
    source = class_folders(tree(*paths))
    assert set(source.splits.tolist()) == {-1}
    (problem,) = source.problems
    assert (problem.kind, problem.fatal) == ("unknown_split", paths[0] == "car/1.jpg")
    assert "test/" in problem.cause
    assert "train/" in problem.cause


@pytest.mark.parametrize(
    ("around", "copy", "classes"),
    [("cells/", "Cells", ("Sick", "Well")), ("", "brain_tumor_dataset", ("no", "yes")), ("", "maybe", ("A", "B", "C"))],
)
def test_a_set_within_itself_is_no_class(around: str, copy: str, classes: tuple[str, ...]) -> None:
    paths = [f"{c}/1.jpg" for c in classes]
    copied = [f"{copy}/{path}".swapcase() for path in paths]
    (problem,) = class_folders(tree(*(around + path for path in paths + copied))).problems
    assert (problem.kind, problem.fatal) == ("odd_label", True)
    assert problem.cause.startswith(f"{around}{copy.swapcase()}/ holds folders called as those beside it, ")


def test_a_class_may_hold_a_folder_called_as_one_beside_it() -> None:
    for paths in (("cat/1.jpg", "pets/cat/1.jpg"), ("a/1.jpg", "b/1.jpg", "c/1.jpg", "d/a/1.jpg", "d/b/1.jpg")):
        assert class_folders(tree(*paths)).problems == ()


@pytest.mark.parametrize(
    ("paths", "named", "fatal"),
    [
        (("train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg"), "test1/, train/", True),
        (("images/cat/1.jpg", "images/dog/1.jpg", "test/1.jpg"), "test/", True),
        (("signs/DATA/0/1.jpg", "signs/DATA/1/1.jpg", "signs/TEST/1.jpg"), "signs/TEST/", True),
        (("cats/tame/1.jpg", "dogs/tame/1.jpg", "test_jpg/1.jpg"), "test_jpg/", True),
        (("trainA/1.jpg", "trainB/1.jpg", "testA/1.jpg"), "testA/, trainA/, trainB/", True),
        (("seg_train/sea/1.jpg", "seg_train/wood/1.jpg", "seg_pred/1.jpg"), "seg_train/", True),
        (("cat/1.jpg", "dog/1.jpg", "Test/1.jpg"), "Test/", True),
        (("car/1.jpg", "ship/1.jpg", "train/1.jpg"), "train/", False),
        (("valid/1.jpg", "invalid/1.jpg"), "valid/", False),
        (("car/new/1.jpg", "bus/new/1.jpg", "toy_train/new/1.jpg"), "toy_train/", False),
    ],
)
def test_classes_that_are_called_as_splits_are_told(paths: tuple[str, ...], named: str, fatal: bool) -> None:
    (problem,) = (problem for problem in class_folders(tree(*paths)).problems if problem.kind == "unknown_split")
    assert (problem.cause, problem.fatal) == (f"called as splits are, but taken for classes: {named}", fatal)
    assert class_folders(tree(*(f"train/{path}" for path in paths))).problems == ()  # said to be the classes


@pytest.mark.parametrize(
    ("paths", "cause", "mend"),
    [
        (  # LC25000
            ("set/lung/aca/1.jpg", "set/lung/n/1.jpg", "set/lung/scc/1.jpg", "set/colon/c/1.jpg", "set/colon/d/1.jpg"),
            "the classes are the 2 upper folders, colon, lung; below them lie 5 others, aca, c, d and 2 more",
            "put them side by side in place of the upper ones, or name one upper folder as DATA",
        ),
        (  # patients
            tuple(f"{patient}/{c}/1.jpg" for patient in range(10, 22) for c in "01"),
            "the classes are the 12 upper folders, 10, 11, 12 and 9 more; below them the same names return, 0, 1",
            "in a manifest.csv with the columns path and label, and group (the upper folder) if each is one patient or",
        ),
        (  # versions of the same pictures, with splits
            tuple(f"{version}/{path}" for version in ("colour", "grey") for path in in_splits("a", "b")),
            "the classes are the 2 upper folders, colour, grey; below them the same names return, a, b",
            "in a manifest.csv with the columns path, label and split, and group",
        ),
        (("a/abbey/1.jpg", "b/bar/in/1.jpg", "b/bay/1.jpg"), "lie 3 others, abbey, bar, bay", "side by side"),
        (
            tuple(f"{upper}/1.jpg" for upper in ("x/train/a", "x/train/b", "x/test/a", "y/train/c", "y/test/c")),
            "the classes are the 2 upper folders, x, y; below them lie",
            "arrange them as train/<lower folder> and test/<lower folder>, or name one upper folder as DATA",
        ),
    ],
)
def test_two_levels_of_folders_are_told(paths: tuple[str, ...], cause: str, mend: str) -> None:
    (problem,) = class_folders(tree(*paths)).problems
    assert (problem.kind, problem.fatal) == ("odd_label", False)
    assert cause in problem.cause
    assert mend in problem.mend


ORGANS, PLACES = (("x", "a"), ("x", "b"), ("y", "c"), ("y", "d")), (("x", "a"), ("x", "b"), ("y", "b"), ("y", "c"))
PATIENTS = tuple((f"p{p}", lower) for p in range(10, 22) for lower in "ab")


@pytest.mark.parametrize("splits", [("",), ("train/", "test/")], ids=["no splits", "splits"])
@pytest.mark.parametrize("pairs", [ORGANS, PLACES, PATIENTS], ids=["organs", "places", "patients"])
def test_the_mend_for_two_levels_works_to_the_letter(
    tmp_path: Path, pairs: tuple[tuple[str, str], ...], splits: tuple[str, ...]
) -> None:
    rows = []
    for (upper, lower), split, i in product(pairs, splits, range(5)):
        row = {"path": f"{upper}/{split}{lower}/{upper}{i}.png", "label": lower, "split": split[:-1], "group": upper}
        (tmp_path / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        levels = hashlib.sha512(row["path"].encode()).digest()
        Image.frombytes("L", (8, 8), levels).save(tmp_path / row["path"])
        rows.append(row)
    (problem,) = opening.open(tmp_path).problems
    grouped = pairs == PATIENTS and splits == ("",)  # with splits each patient is in both of them
    if stated := re.search("manifest.csv with the columns (.*), and group", problem.mend):
        columns = [*re.split(", | and ", stated[1]), *(["group"] if grouped else [])]
        lines = [",".join(columns), *(",".join(row[column] for column in columns) for row in rows)]
        (tmp_path / "manifest.csv").write_text("\n".join(lines))
    else:
        place = {"put them side by side": "{label}", "arrange them as train/<lower": "{split}/{label}"}
        (to,) = (folder for words, folder in place.items() if words in problem.mend)
        for row in rows:
            (tmp_path / to.format(**row)).mkdir(parents=True, exist_ok=True)
            (tmp_path / row["path"]).rename(tmp_path / to.format(**row) / Path(row["path"]).name)
        for upper, _ in pairs:
            shutil.rmtree(tmp_path / upper, ignore_errors=True)
    source = opening.open(tmp_path)
    found = check(source)
    assert not found.problems
    assert source.labels == tuple(sorted({lower for _, lower in pairs}))
    assert (source.groups is not None) == grouped
    parts = divide(source, found.facts)
    for part in (parts.train, parts.test):
        assert {*source.targets[part].tolist()} == {*range(len(source.labels))}
    assert splits == ("",) or len(parts.test) == len(rows) / 2


@pytest.mark.parametrize(
    "paths",
    [
        ("cat/cats/1.jpg", "dog/dogs/1.jpg"),  # one in each
        ("cat/images/1.jpg", "dog/images/1.jpg"),
        ("cat/a/1.jpg", "cat/b/1.jpg", "dog/1.jpg"),  # a class with pictures of its own
        ("train/cat/a/1.jpg", "train/cat/b/1.jpg", "train/dog/c/1.jpg"),  # said to be the classes
    ],
)
def test_one_level_of_classes_needs_no_remark(paths: tuple[str, ...]) -> None:
    assert class_folders(tree(*paths)).problems == ()
