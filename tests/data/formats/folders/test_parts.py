"""Folders that hold nothing but one of their own name."""

from tests.data.formats.folders.trees import tree

from smalti.data.formats.folders import class_folders


def test_a_doubled_folder_of_a_split_is_looked_through() -> None:
    sets = [f"{name}/{name}/{c}/1.jpg" for name in ("training_set", "test_set") for c in ("cats", "dogs")]
    source = class_folders(tree(*sets))
    assert (source.labels, source.splits.tolist()) == (("cats", "dogs"), [2, 2, 0, 0])
    assert source.notes == (
        "looked through test_set/, training_set/, each of which holds nothing but a folder of its own name",
    )
    cased = class_folders(tree("Train/train/a/1.jpg", "Train/train/b/1.jpg", "TEST/Test/a/1.jpg"))
    assert (cased.labels, cased.splits.tolist()) == (("a", "b"), [2, 0, 0])
    assert class_folders(tree("Cat/cat/1.jpg", "Dog/1.jpg")).labels == ("Cat", "Dog")
    beside = class_folders(tree("a/a/1.jpg", "a/b/1.jpg", "c/1.jpg"))
    assert (beside.labels, beside.notes) == (("a", "c"), ())
    assert class_folders(tree("a/a/1.jpg", "a/x.txt", "c/1.jpg")).notes == ("1 file left out, not pictures: a/x.txt",)
