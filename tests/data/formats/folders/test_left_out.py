"""Pictures that are left out are counted and named."""

import pytest
from tests.data.formats.folders.trees import summary, tree

from smalti.data.formats.folders import class_folders
from smalti.errors import InputError


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


def test_a_picture_above_the_folder_around_everything_is_left_out() -> None:
    (left_out,) = class_folders(tree("top.gif", "pets/cat/1.jpg", "pets/dog/1.jpg")).problems
    assert left_out.cause == "1 picture in no class folder: top.gif"
