import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from smalti.data.check import Check, check
from smalti.data.formats.arrays import array_source
from smalti.data.problems import finding
from smalti.data.problems.finding import KINDS
from smalti.data.source import UNASSIGNED, Problem, Source
from smalti.data.split import split

TRAIN, VAL, TEST = range(3)


class Memory:
    def __init__(self, contents):
        self.contents = contents

    def read(self, index):
        return self.contents[index]

    def fingerprint(self):
        return hashlib.sha256(b"".join(bytes(content) for content in self.contents)).hexdigest()


def look(pictures, targets=None, *, task="classify", labels=("a", "b"), splits=None, groups=None, names=None) -> Check:
    return check(source_of(pictures, targets, task, labels, splits, groups, names))


def source_of(pictures, targets=None, task="classify", labels=("a", "b"), splits=None, groups=None, names=None):
    n = len(pictures)
    return Source(
        name="set",
        task=task,
        labels=labels,
        names=names or [f"{i}.png" for i in range(n)],
        targets=np.arange(n) % 2 if targets is None else np.asarray(targets),
        splits=np.full(n, UNASSIGNED, np.int8) if splits is None else np.asarray(splits, np.int8),
        storage=Memory(pictures),
        groups=None if groups is None else np.asarray(groups, np.int64),
    )


def noise(n, *shape):
    return list(np.random.default_rng(0).integers(0, 256, (n, *(shape or (8, 8))), np.uint8))


def encoded(pixels, format) -> bytes:  # noqa: A002 - Pillow's word
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def only(found: Check, kind: str) -> Problem:
    (problem,) = [problem for problem in found.problems if problem.kind == kind]
    return problem


def kinds(found: Check) -> list[str]:
    return [problem.kind for problem in found.problems]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path))


def test_a_copy_in_one_split_is_a_warning():
    pictures = noise(10)
    pictures[4] = pictures[6] = pictures[2]
    problem = only(look(pictures), "duplicate")
    assert (problem.file, problem.others, problem.count) == ("2.png", ("4.png", "6.png"), 3)
    assert problem.cause == "the same picture as 4.png and 1 more"
    assert not problem.fatal


def test_a_copy_under_another_label_is_a_conflict():
    pictures = noise(10)
    pictures[5] = pictures[2]
    found = look(pictures)
    assert kinds(found) == ["duplicate_conflict"]
    assert found.problems[0].cause == "labelled 'a', but the same picture 5.png is labelled 'b'"
    assert found.trainable
    found = look(pictures, [[float(i)] for i in range(10)], task="regress", labels=("age",))
    assert found.problems[0].cause == "labelled 2, but the same picture 5.png is labelled 5"
    found = look(pictures, np.eye(10, 2, k=-4) + np.eye(10, 2), task="multilabel")
    assert found.problems[0].cause == "labelled [], but the same picture 5.png is labelled ['b']"


def test_one_picture_in_several_rows_under_two_labels():
    pictures = noise(10)
    pictures[5] = pictures[2]
    names = [f"{i}.png" for i in range(10)]
    names[5] = names[2]
    problem = only(look(pictures, names=names), "duplicate_conflict")
    assert problem.cause == "named in several rows, labelled 'a' and 'b'"
    assert "labels = a|b" in problem.mend


@pytest.mark.parametrize(
    ("labels", "n", "warned"),
    [
        (("0.5", "1"), 8, True),
        (("0,5", "-3"), 8, True),
        (("0", "1"), 8, False),
        (("0.5", "a"), 8, False),
        (tuple(map(str, range(30))), 60, True),
        (tuple(map(str, range(30))), 120, False),
    ],
)
def test_classes_that_may_be_amounts(labels, n, warned):
    found = look(noise(n), np.arange(n) % len(labels), labels=labels)
    assert ("odd_label" in kinds(found)) is warned
    assert found.trainable


def test_labels_that_may_be_several():
    found = look(noise(6), np.eye(6, 2), task="multilabel", labels=("red, round", "b"))
    assert only(found, "odd_label").cause == "no picture has two labels, but some have commas, as 'red, round'"
    assert kinds(look(noise(6), np.ones((6, 2)), task="multilabel", labels=("red, round", "b"))) == []


@pytest.mark.parametrize(
    ("labels", "task", "warned"),
    [
        (("Cat", "Dog", "cat", "dog"), "classify", 2),
        (("Cat", "cat"), "multilabel", 1),
        (("Straße", "Strasse"), "classify", 1),
        (("cat", "cats"), "classify", 0),
        (("A", "a"), "classify", 0),  # letters, to be read
    ],
)
def test_labels_that_are_alike(labels, task, warned):
    n, k = 8, len(labels)
    targets = np.arange(n) % k if task == "classify" else np.eye(k)[np.arange(n) % k]
    found = [p for p in look(noise(n), targets, task=task, labels=labels).problems if p.kind == "odd_label"]
    assert len(found) == warned
    assert all("differ in capital letters alone" in p.cause and not p.fatal for p in found)


@pytest.mark.parametrize(
    ("values", "name", "warned"),
    [
        ((0, 1), "target", True),
        ((1, 2, 3, 4, 5), "target", True),
        ((0, 1), "target_x", False),  # which --task classify does not read
        ((0, 0.5), "target", False),
        (range(11), "target", False),
        ((7,), "target", False),
    ],
)
def test_targets_that_may_be_classes(values, name, warned):
    targets = [[float(value)] for value in values] * 2
    found = look(noise(len(targets)), targets, task="regress", labels=(name,))
    assert ("odd_label" in kinds(found)) is warned
    if warned:
        assert only(found, "odd_label").mend == "if they are classes, give --task classify, or call the column label"


@pytest.mark.parametrize(
    ("answers", "mend"),
    [
        ([0.0, 1.0] * 30, "if they are classes, give --task classify, or store them as integers"),
        ([0, 1] * 30, None),
        (range(-30, 30), "if they are amounts, store them as floats, or give --task regress"),
        (np.arange(-30.0, 30), None),
    ],
)
def test_of_answers_in_arrays_the_type_is_to_be_changed(answers, mend):
    found = check(array_source("x.npz", {UNASSIGNED: (np.stack(noise(60)), np.asarray(answers))}))
    assert [problem.mend for problem in found.problems if problem.kind == "odd_label"] == ([mend] if mend else [])


def test_what_the_layout_shows_is_among_the_problems():
    source = replace(source_of(noise(6)), problems=(Problem("left_out", "", "3 pictures", "call them", count=3),))
    assert kinds(check(source)) == ["left_out"]


@pytest.mark.parametrize(
    ("first", "second", "with_test", "fatal", "out", "of"),
    [
        (TRAIN, TEST, True, True, "2.png", "train"),
        (TEST, TRAIN, True, True, "5.png", "train"),
        (VAL, TEST, True, True, "2.png", "val"),
        (TRAIN, VAL, True, False, "5.png", "val"),
        (TRAIN, VAL, False, False, "2.png", "train"),  # val serves as the test
    ],
)
def test_a_copy_in_two_splits_is_a_leak(first, second, with_test, fatal, out, of):
    """What the check says will be left out is what the split leaves out."""
    pictures = noise(12)
    pictures[5] = pictures[2]
    splits = [TRAIN] * 8 + [VAL] * 2 + [TEST if with_test else TRAIN] * 2
    splits[2], splits[5] = first, second
    source = source_of(pictures, np.array([0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1]), splits=splits)
    found = check(source)
    leak = only(found, "leak")
    assert (leak.file, leak.fatal, leak.count) == (out, fatal, 2)
    assert leak.mend.startswith(f"remove it from {of}")
    assert ("--leaks drop" in leak.mend) == fatal
    assert found.trainable is not fatal
    assert [source.names[i] for i in split(source, found.facts).dropped] == [out]


def test_a_copy_that_leaks_and_lies_is_told_twice():
    pictures = noise(12)
    pictures[11] = pictures[2]
    assert kinds(look(pictures, splits=[TRAIN] * 8 + [TEST] * 4)) == ["leak", "duplicate_conflict"]


def test_samples_without_split_beside_train_do_not_leak():
    pictures = noise(12)
    pictures[10] = pictures[2]
    assert kinds(look(pictures, splits=[TRAIN] * 8 + [UNASSIGNED] * 4)) == ["duplicate"]


def test_a_group_in_two_splits_is_a_leak():
    found = look(noise(12), splits=[TRAIN] * 6 + [VAL] * 2 + [TEST] * 4, groups=[0, 0, 1, 2, 3, 4, 5, 5, 0, 1, 8, 9])
    leak = only(found, "leak")
    assert (leak.file, leak.others, leak.count, leak.fatal) == ("0.png", ("1.png", "2.png"), 3, True)
    assert "2 of the groups in train" in leak.cause
    assert kinds(look(noise(12), groups=np.arange(12) // 3)) == []


def test_unreadable_pictures_are_named():
    problem = only(look([*noise(8), b""]), "unreadable")
    assert problem.file == "8.png"
    assert problem.fatal
    assert "--bad-images skip" in problem.mend


def test_thousands_of_problems_stay_countable(monkeypatch):
    monkeypatch.setattr(finding, "_LISTED", 5)
    found = look([*noise(8), *[b""] * 20])
    assert kinds(found) == ["unreadable"] * 5
    assert found.omitted == {"unreadable": 15}
    pictures = noise(30)
    found = look(pictures[:1] * 30, labels=("a",), targets=np.zeros(30, int))
    assert only(found, "duplicate").count == 30
    assert len(only(found, "duplicate").others) == 20


def test_classes():
    found = look(noise(6), np.zeros(6, int), labels=("a",))
    assert (kinds(found), found.trainable) == (["one_class"], False)
    found = look(noise(6), np.zeros(6, int))
    assert kinds(found) == ["one_class", "empty_class"]
    found = look(noise(6), [0, 1, 0, 1, 0, 1], labels=("a", "b", "c"))
    assert (kinds(found), found.trainable) == (["empty_class"], True)
    assert "'c'" in found.problems[0].cause
    found = look(noise(6), [0, 0, 0, 1, 1, 2], labels=("a", "b", "c"))
    assert (kinds(found), found.trainable) == (["few"], True)
    found = look(noise(3), [0, 1, 2], labels=("a", "b", "c"))
    assert found.problems[0].cause == "no class has two pictures, so nothing is left to test on"
    assert not found.trainable


def test_classes_across_splits():
    labels, splits = ("a", "b", "c"), [TRAIN] * 6 + [TEST] * 3
    found = look(noise(9), [0, 1, 0, 1, 0, 1, 0, 1, 2], labels=labels, splits=splits)
    assert (kinds(found), found.trainable) == (["unseen_class"], False)
    assert "'c' is in test but not in train" in found.problems[0].cause
    found = look(noise(9), [0, 1, 0, 1, 2, 2, 0, 1, 0], labels=labels, splits=splits)
    assert (kinds(found), found.trainable) == (["empty_class"], True)
    assert "'c' has no picture in test" in found.problems[0].cause


def test_an_unreadable_class_is_empty():
    found = look([*noise(6), b"", b""], [0, 1, 0, 1, 0, 1, 2, 2], labels=("a", "b", "c"))
    assert [problem.kind for problem in found.problems] == ["unreadable", "unreadable", "empty_class"]


@pytest.mark.parametrize(("most", "warned"), [(20, True), (19, False)])
def test_imbalance(most, warned):
    found = look(noise(most + 2), [0] * most + [1] * 2)
    assert ("imbalance" in kinds(found)) is warned
    assert found.imbalance == most / 2


def test_splits():
    found = look(noise(6), splits=[TEST] * 6)
    assert (found.problems[0].kind, found.trainable) == ("missing_split", False)
    assert "only test" in found.problems[0].cause
    found = look(noise(6), splits=[TRAIN] * 4 + [VAL] * 2)
    assert (kinds(found), found.trainable) == (["missing_split"], True)
    assert kinds(look(noise(6), splits=[TRAIN] * 6)) == []


def test_targets_that_never_change():
    rows = [[1.0, float(i)] for i in range(6)]
    found = look(noise(6), rows, task="regress", labels=("a", "b"))
    assert (kinds(found), found.trainable) == (["constant"], True)
    found = look(noise(6), [[1.0]] * 6, task="regress", labels=("a",))
    assert (kinds(found), found.trainable) == (["constant"], False)
    found = look(noise(6), np.zeros((6, 2)), task="multilabel")
    assert not found.trainable
    assert found.problems[0].kind == "one_class"


def test_names_that_say_another_format():
    pictures = noise(5, 8, 8, 3)
    contents = [encoded(p, f) for p, f in zip(pictures, ("PNG", "PNG", "JPEG", "PNG", "JPEG"), strict=True)]
    found = look(contents, names=["a.jpg", "b.JPEG", "c.jpg", "d.png", "e.bin"])
    assert [(p.file, p.count, p.cause) for p in found.problems] == [
        ("a.jpg", 1, "named .jpg, but it is PNG"),
        ("b.JPEG", 1, "named .jpeg, but it is PNG"),
    ]
    assert found.problems[0].mend.startswith("rename it to .png")
    assert found.trainable


def test_odd_sizes():
    found = look([*noise(6, 40, 40), *noise(2, 20, 81), *noise(1, 7, 8), *noise(1, 401, 401), *noise(1, 20, 80)])
    said = {problem.cause: (problem.file, problem.count) for problem in found.problems}
    assert said == {
        "20 x 81: one side more than 4 times the other; 1 more like it": ("6.png", 2),
        "7 x 8: a side of fewer than 8 pixels": ("8.png", 1),
        "401 x 401: over 10 times the size of most, 40 pixels": ("9.png", 1),
    }
    (small,) = look([*noise(6, 100, 100), *noise(1, 9, 9)]).problems
    assert small.cause == "9 x 9: below a tenth of the size of most, 100 pixels"


def test_odd_depths():
    deep = [p.astype(np.uint16) * 100 for p in noise(2)]
    found = look([*noise(6), *deep])
    assert (found.problems[0].file, found.problems[0].cause) == (
        "6.png",
        "deeper than 8 bits, while most pictures are not; 1 more like it",
    )
    found = look([*noise(6), *noise(1, 8, 8, 3)])
    assert (found.problems[0].file, found.problems[0].cause) == ("6.png", "colour, while most pictures are grey")
    found = look([*noise(1), *noise(6, 8, 8, 3)])
    assert (found.problems[0].file, found.problems[0].cause) == ("0.png", "grey, while most pictures are in colour")
    assert found.trainable
    found = look([*noise(6, 8, 8, 5), *noise(1, 8, 8, 3)])
    assert found.problems[0].cause == "3 channels where 5 are expected"
    assert not found.trainable


def test_negative_values_would_become_black():
    scan = [p.astype(np.int16) * 8 - 1000 for p in noise(4)]
    problem = only(look([*scan, noise(1)[0].astype(np.int16)]), "odd_depth")
    assert problem.fatal
    assert (problem.file, problem.count) == ("0.png", 4)
    assert problem.cause == "negative values, down to -1000, which would become black; 3 more like it"
    assert "shift" in problem.mend
    ringing = [p / 255 for p in noise(4)]
    ringing[0][0, 0] = -0.01  # as resampling leaves it
    assert look(ringing).trainable


def test_fatal_ones_come_first_and_every_problem_has_a_mend():
    pictures = [*noise(20), b"", *noise(1, 8, 8, 3)]
    pictures[3], pictures[15] = pictures[1], pictures[2]
    found = look(pictures, splits=[TRAIN] * 12 + [TEST] * 10)
    fatal = [problem.fatal for problem in found.problems]
    assert fatal == sorted(fatal, reverse=True)
    assert any(fatal)
    assert not all(fatal)
    assert all(problem.mend and problem.cause and problem.kind in KINDS for problem in found.problems)
