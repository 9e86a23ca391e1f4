"""Class folders recognised from paths alone, on disk and in archives."""

import hashlib
import re
import shutil
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

import smalti.data.opening as opening
from smalti.data.check import check
from smalti.data.formats.folders import class_folders
from smalti.data.formats.tree import Tree
from smalti.data.formats.walk import Files, walk
from smalti.data.names import Names
from smalti.data.source import Source
from smalti.data.split import split as divide
from smalti.errors import InputError


def tree(*paths: str, empty: tuple[str, ...] = ()) -> Tree:
    ordered = Names(sorted(paths))
    below = {"/".join(path.split("/")[:k]) for path in ordered for k in range(1, path.count("/") + 1)}
    return Tree("DATA", ordered, sorted(below | set(empty)), Files("/", ordered))


def summary(source: Source) -> dict[str, tuple[str, int]]:
    """name -> (class, split)"""
    return {n: (source.labels[t], int(s)) for n, t, s in zip(source.names, source.targets, source.splits, strict=True)}


def test_class_folders_and_nested_folders() -> None:
    source = class_folders(tree("cat/1.jpg", "dog/2.PNG", "dog/big/brown/3.webp"))
    assert summary(source) == {"cat/1.jpg": ("cat", -1), "dog/2.PNG": ("dog", -1), "dog/big/brown/3.webp": ("dog", -1)}
    assert source.task == "classify"
    assert source.notes == ()


@pytest.mark.parametrize(
    "words", [("train", "val", "test"), ("Training", "VALID", "Testing"), ("TRAIN", "validation", "test")]
)
@pytest.mark.parametrize("base", ["", "wrapper/", "a/b/"])
def test_splits_over_class_folders(words: tuple[str, ...], base: str) -> None:
    source = class_folders(tree(*(f"{base}{word}/{c}/sub/{i}.jpg" for word in words for c in "ab" for i in range(2))))
    assert summary(source) == {
        f"{base}{word}/{c}/sub/{i}.jpg": (c, split) for split, word in enumerate(words) for c in "ab" for i in range(2)
    }
    assert any("read below" in note for note in source.notes) == bool(base)


def test_one_wrapping_folder_is_looked_through_with_files_beside_it() -> None:
    source = class_folders(tree("README.md", "pets/cat/1.jpg", "pets/dog/1.jpg"))
    assert source.labels == ("cat", "dog")
    assert "1 file left out, not pictures: README.md" in source.notes


def test_split_inside_class_folders() -> None:
    source = class_folders(tree("cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg"))
    assert summary(source) == {
        "cat/train/1.jpg": ("cat", 0),
        "cat/test/2.jpg": ("cat", 2),
        "dog/train/3.jpg": ("dog", 0),
    }


def test_a_class_may_be_called_train() -> None:
    assert class_folders(tree("train/1.jpg", "car/1.jpg", "plane/1.jpg")).labels == ("car", "plane", "train")


def test_integer_names_stand_in_order_of_value() -> None:
    assert class_folders(tree("10/1.jpg", "2/1.jpg", "1/1.jpg")).labels == ("1", "2", "10")


def test_what_is_left_out_is_counted_and_named() -> None:
    source = class_folders(
        tree(
            "train/a/1.jpg", "train/b/1.jpg", "train/a/notes.txt", "classes.csv", "test/1.jpg", "other/x.png", "top.gif"
        )
    )
    assert set(summary(source)) == {"train/a/1.jpg", "train/b/1.jpg"}
    (left_out,) = source.problems
    assert (left_out.kind, left_out.count, left_out.fatal) == ("left_out", 3, False)
    assert left_out.cause == "3 pictures in no class folder: other/x.png, test/1.jpg, top.gif"
    assert "2 files left out, not pictures: classes.csv, train/a/notes.txt" in source.notes


@pytest.mark.parametrize("base", ["", "wrapper/"])
def test_folders_of_class_folders_beside_splits_are_named(base: str) -> None:
    paths = (f"{base}{split}/{c}/{i}.jpg" for split in ("Train", "Eval", "holdout") for c in "ab" for i in range(2))
    source = class_folders(tree(*paths, f"{base}Eval/x.jpg"))
    assert source.splits.tolist() == [0] * 4
    (left_out,) = source.problems
    assert (left_out.kind, left_out.count) == ("left_out", 9)
    assert left_out.cause == "9 pictures below Eval/, holdout/, which are no split names"
    assert left_out.mend == "if these are splits, call them train, val or test"


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


def in_splits(*classes: str) -> dict[str, tuple[str, int]]:
    return {f"{word}/{c}/{i}.jpg": (c, s) for c in classes for word, s in (("train", 0), ("test", 2)) for i in range(2)}


def splits_in(*classes: str) -> dict[str, tuple[str, int]]:
    return {f"{c}/{word}/{i}.jpg": (c, s) for c in classes for word, s in (("train", 0), ("test", 2)) for i in range(2)}


@pytest.mark.parametrize(
    ("given", "base", "beside", "cause"),
    [
        (splits_in("rose", "daisy"), "", "rose/preview.jpg", "in no split of a class"),
        (splits_in("rose", "daisy"), "flowers/", "flowers/assets/logo.png", "in no split of a class"),
        (splits_in("rose", "daisy", "tulip"), "", "rose/extra/1.jpg", "in no split of a class"),
        (splits_in(*"abcdefg"), "", "a/extra/1.jpg", "in no split of a class"),
        (in_splits("rose", "daisy"), "data/", "assets/logo.png", "in no class folder"),
        (in_splits("rose", "daisy"), "repo/data/", "repo/assets/img/old/logo.png", "in no class folder"),
        (in_splits("rose", "daisy"), "flowers/", "flowers/overview.png", "in no class folder"),
    ],
)
def test_a_stray_picture_does_not_overturn_the_splits(
    given: dict[str, tuple[str, int]], base: str, beside: str, cause: str
) -> None:
    source = class_folders(tree(*(base + path for path in given), beside))
    assert summary(source) == {base + path: place for path, place in given.items()}
    (left_out,) = source.problems
    assert (left_out.kind, left_out.cause, left_out.fatal) == ("left_out", f"1 picture {cause}: {beside}", False)


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
    assert (problem.kind, problem.fatal) == ("unknown_split", False)
    assert "test/" in problem.cause
    assert "train/" in problem.cause


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


def test_held_out_pictures_in_a_folder_called_images_have_no_class() -> None:
    trained = [f"set/train/{c}/images/{c}_{i}.jpg" for c in ("n01", "n02") for i in range(2)]
    source = class_folders(tree(*trained, "set/val/images/1.jpg", "set/test/images/2.jpg", "set/val/x.txt"))
    assert summary(source) == {path: (path.split("/")[2], 0) for path in trained}  # so train is divided
    (left_out,) = source.problems
    assert left_out.cause == "2 pictures in no class folder: set/test/images/2.jpg, set/val/images/1.jpg"
    kept = class_folders(tree("train/images/1.jpg", "train/b/1.jpg", "test/images/2.jpg"))
    assert summary(kept)["test/images/2.jpg"] == ("images", 2)


def test_pictures_of_formats_that_are_not_read_are_counted() -> None:
    source = class_folders(tree("a/1.jpg", "b/1.jpg", "a/1.CR2", "b/2.cr2", "b/3.NEF", "b/3.mov"))
    assert [(p.kind, p.count, p.cause) for p in source.problems] == [
        ("unread_format", 2, "2 CR2 pictures, a format that is not read: a/1.CR2, b/2.cr2"),
        ("unread_format", 1, "1 NEF picture, a format that is not read: b/3.NEF"),
    ]
    assert source.notes == ("1 file left out, not pictures: b/3.mov",)
    with pytest.raises(InputError, match=r"DATA: 2 CR2 pictures, a format that is not read: .*; export them as JPEG"):
        class_folders(tree("a/1.cr2", "b/2.cr2"))


def on_disk(root: Path, *paths: str, **tables: str) -> Tree:
    """The files of a folder called DATA: empty ones, and tables called as the keywords."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    for name, text in tables.items():
        (root / f"{name}.csv").write_text(text)
    return walk(root, "DATA")


def test_a_table_beside_one_folder_of_pictures_is_pointed_to(tmp_path: Path) -> None:
    found = on_disk(tmp_path, "images/1.jpg", "images/2.jpg", **{"my table": "file,label\n1.jpg,a\n"})
    (problem,) = class_folders(found).problems
    assert (problem.kind, problem.fatal) == ("one_class", True)
    assert problem.mend == "`smalti check 'DATA/my table.csv'` reads the labels from that table"
    assert class_folders(tree("classes.csv", "a/1.jpg", "b/2.jpg")).problems == ()
    with pytest.raises(InputError, match=r"2 pictures but no class folders.*`smalti check DATA/x.csv` reads"):
        class_folders(on_disk(tmp_path / "flat", "1.jpg", "2.jpg", x="path,target\n1.jpg,3\n"))


@pytest.mark.parametrize(
    ("tables", "mend"),
    [
        (
            {"breeds": "id,breed\n1,pug\n"},
            "the columns path and label: breeds.csv has no path column; its columns are id",
        ),
        ({"x": "path,width\n1.jpg,7\n"}, "the columns path and label: x.csv has no label or target column"),
        ({"x": "a,A\n"}, "x.csv: two columns are called 'a'"),
        (
            {"x": "path,label\ngone.jpg,a\n"},
            "x.csv: none of the 1 files named in the manifest exists (the first is gone.jpg)",
        ),
        ({"x": "image,label\n1,a\n", "y": "path,label\ngone.jpg,a\n"}, "`smalti check DATA/x.csv` reads the labels"),
        ({"notes": "a,b\n", "x": "path,label\n1.jpg,a\n"}, "`smalti check DATA/x.csv` reads the labels"),
        (
            {"train_x": "path,label\n1.jpg,a\n", "test_x": "path,label\n2.jpg,a\n"},
            "name the one table of all labels as DATA, or join test_x.csv, train_x.csv to a manifest.csv",
        ),
    ],
)
def test_only_a_table_that_can_be_read_is_promised(tmp_path: Path, tables: dict[str, str], mend: str) -> None:
    (problem,) = class_folders(on_disk(tmp_path, "images/1.jpg", "images/2.jpg", **tables)).problems
    assert mend in problem.mend


@pytest.mark.parametrize(
    "parts",
    [
        ("images_001/images", "images_002/images", "images_010/images"),
        ("HAM10000_images_part_1", "ham10000_images_part_2"),
        ("set/Batch 1", "set/Batch 2"),
    ],
)
def test_parts_of_one_set_beside_a_table_are_no_classes(tmp_path: Path, parts: tuple[str, ...]) -> None:
    paths = [f"{part}/{i}.jpg" for part in parts for i in range(2)]
    (problem,) = class_folders(on_disk(tmp_path, *paths, all="image_id,dx\n1,nv\n")).problems
    assert (problem.kind, problem.fatal) == ("one_class", True)
    assert "parts of one set, no classes, and a table beside them that is not read" in problem.cause
    assert "columns path and label: all.csv has no path column" in problem.mend
    assert class_folders(tree(*paths)).problems == ()


@pytest.mark.parametrize("names", [("part_a", "part_b"), ("level_1", "level_2"), ("images_1", "batch_2"), ("1", "2")])
def test_classes_with_numbers_stay_classes(names: tuple[str, ...]) -> None:
    assert class_folders(tree("all.csv", *(f"{name}/1.jpg" for name in names))).problems == ()


@pytest.mark.parametrize("base", ["", "archive/"])
@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize(
    ("train", "test", "note"),
    [
        ("seg_train", "seg_test", "read seg_test/ as test, seg_train/ as train"),
        ("Training-Cars", "Testing-Cars", "read Testing-Cars/ as testing, Training-Cars/ as training"),
    ],
)
def test_splits_may_share_a_stem_and_lie_in_a_folder_of_their_name(
    base: str, doubled: bool, train: str, test: str, note: str
) -> None:
    top = {name: f"{base}{name}/{name}" if doubled else f"{base}{name}" for name in (train, test, "seg_pred")}
    given = {f"{top[name]}/{c}/1.jpg": (c, split) for name, split in ((train, 0), (test, 2)) for c in ("sea", "wood")}
    empty = f"{top[test]}/street"
    source = class_folders(tree(*given, f"{top['seg_pred']}/9.jpg", empty=(empty,)))
    assert summary(source) == given
    assert source.empty_classes == (empty,)
    (left_out,) = source.problems
    assert left_out.cause == f"1 picture in no class folder: {top['seg_pred']}/9.jpg"
    assert note in source.notes
    assert any("looked through" in note for note in source.notes) == doubled


def test_a_doubled_folder_of_a_split_is_looked_through() -> None:
    sets = [f"{name}/{name}/{c}/1.jpg" for name in ("training_set", "test_set") for c in ("cats", "dogs")]
    source = class_folders(tree(*sets))
    assert (source.labels, source.splits.tolist()) == (("cats", "dogs"), [2, 2, 0, 0])
    assert source.notes == (
        "looked through test_set/, training_set/, each of which holds nothing but a folder of its own name",
    )
    beside = class_folders(tree("a/a/1.jpg", "a/b/1.jpg", "c/1.jpg"))
    assert (beside.labels, beside.notes) == (("a", "c"), ())
    assert class_folders(tree("a/a/1.jpg", "a/x.txt", "c/1.jpg")).notes == ("1 file left out, not pictures: a/x.txt",)


@pytest.mark.parametrize(
    "paths",
    [
        ("toy_train/1.jpg", "toy_test/1.jpg", "toy_car/1.jpg"),  # pictures lie right in them
        ("a_train/x/1.jpg", "b_test/y/1.jpg"),  # two stems
        ("dev_board/x/1.jpg", "test_board/y/1.jpg"),  # nothing to train on
        ("train_1/x/1.jpg", "train_2/y/1.jpg"),  # one split
    ],
)
def test_classes_may_have_split_words_in_their_names(paths: tuple[str, ...]) -> None:
    assert set(class_folders(tree(*paths)).labels) == {path.split("/")[0] for path in paths}


def test_a_picture_above_the_folder_around_everything_is_left_out() -> None:
    (left_out,) = class_folders(tree("top.gif", "pets/cat/1.jpg", "pets/dog/1.jpg")).problems
    assert left_out.cause == "1 picture in no class folder: top.gif"


def test_the_columns_a_manifest_lacks_are_both_named() -> None:
    remark = "labels.csv has no path column; its columns are id, breed"
    with pytest.raises(InputError, match=rf"no classes found .{remark}.; .*a column path with .* and a column label"):
        class_folders(tree("labels.csv", "images/1.jpg"), (remark,))


def test_empty_class_folders_are_told() -> None:
    source = class_folders(
        tree("train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "train/d/x.txt", empty=("train/c", "test/b", "other/z"))
    )
    assert source.empty_classes == ("test/b", "train/c", "train/d")
    assert source.labels == ("a", "b")
    assert class_folders(tree("a/1.jpg", "b/1.jpg", empty=("c", "a/deep"))).empty_classes == ("c",)


def test_labels_are_safe_text() -> None:
    source = class_folders(tree("a\nb/1.jpg", "\x1b[2J/1.jpg", "\udcff/1.jpg", "höhe/1.jpg"))
    assert all(label.isprintable() for label in source.labels)
    assert "höhe" in source.labels
    assert len(source.labels) == 4


@pytest.mark.parametrize(
    ("paths", "what"),
    [
        ((), "no pictures found.*it is empty"),
        (("a/1.txt", "b/2.doc"), "no pictures found.*it holds a/1.txt, b/2.doc"),
        (("1.jpg", "2.jpg"), "2 pictures but no class folders.*<class>/<picture>.*train/<class>/<picture>.*manifest"),
        (("train/1.jpg", "test/2.jpg"), "2 pictures but no class folders"),
        (("train/a/1.jpg", "test/b/1.jpg"), "class 'b' occurs only in test"),
        (("JPEGImages/1.jpg", "Annotations/1.xml"), "not a classification set: it holds boxes.*Pascal VOC"),
        (("images/train/1.jpg", "labels/train/1.txt"), "not a classification set: it holds boxes.*YOLO"),
        (("train/1.jpg", "train/_annotations.csv"), "not a classification set: it holds boxes.*_annotations.csv"),
        (("train/1.jpg", "annotations/instances_train.json"), "not a classification set: it holds boxes.*COCO"),
        (("train/images/1.jpg", "train/masks/1.png"), "not a classification set: it holds pictures paired with masks"),
        (("leftImg8bit/train/a/1.png", "gtFine/train/a/1.png"), r"paired with masks .*\(gtfine/, leftimg8bit/\)"),
        (("train/1.png", "train_labels/1.png", "val/2.png"), r"paired with masks .* \(train/, train_labels/\)"),
        (("Cars/a_1.png", "Cars_Masks/a_1_mask.gif"), r"paired with masks .* \(cars/, cars_masks/\)"),
    ],
)
def test_what_is_no_classification_set(paths: tuple[str, ...], what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        class_folders(tree(*paths))
    assert caught.value.where == "DATA"
    assert caught.value.mend


def test_classes_may_be_called_as_masks_are() -> None:
    source = class_folders(tree("images/mask/1.jpg", "images/no_mask/1.jpg"))
    assert source.labels == ("mask", "no_mask")
    assert class_folders(tree("face/1.jpg", "face_mask/1.jpg")).labels == ("face", "face_mask")
    products = class_folders(tree("hair/h1.jpg", "hair/h2.jpg", "hair_masks/m1.jpg", "hair_masks/m2.jpg", "body/b.jpg"))
    assert products.labels == ("body", "hair", "hair_masks")
    cars = class_folders(tree("mustang/mustang_1.jpg", "mustang_gt/mustang_gt_1.jpg"))
    assert cars.labels == ("mustang", "mustang_gt")


def test_lists_in_a_folder_called_labels_are_no_boxes() -> None:
    source = class_folders(tree("dtd/images/banded/b_1.jpg", "dtd/images/dotted/d_1.jpg", "dtd/labels/train1.txt"))
    assert source.labels == ("banded", "dotted")


def test_storage_follows_the_names(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/skip.txt", "b/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    source = class_folders(walk(tmp_path))
    assert [source.read(i).decode() for i in range(len(source))] == list(source.names)
