"""Which folders are the classes and which the splits, told from paths alone."""

import pytest
from tests.data.formats.folders.trees import in_splits, splits_in, summary, tree

from smalti.data.formats.folders import class_folders


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


@pytest.mark.parametrize("base", ["", "archive/"])
@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize(
    ("train", "test", "note"),
    [
        ("seg_train", "seg_test", "read seg_test/ as test, seg_train/ as train"),
        ("Training-Cars", "Testing-Cars", "read Testing-Cars/ as testing, Training-Cars/ as training"),
        ("train2017", "test2017", "read test2017/ as test, train2017/ as train"),
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
