"""Class folders as a source: its labels, samples and storage."""

from pathlib import Path

import pytest
from tests.data.formats.folders.trees import summary, tree

from smalti.data.formats.folders import class_folders
from smalti.data.formats.walk import walk
from smalti.errors import InputError


def test_class_folders_and_nested_folders() -> None:
    source = class_folders(tree("cat/1.jpg", "dog/2.PNG", "dog/big/brown/3.webp"))
    assert summary(source) == {"cat/1.jpg": ("cat", -1), "dog/2.PNG": ("dog", -1), "dog/big/brown/3.webp": ("dog", -1)}
    assert source.task == "classify"
    assert source.notes == ()


def test_integer_names_stand_in_order_of_value() -> None:
    assert class_folders(tree("10/1.jpg", "2/1.jpg", "1/1.jpg")).labels == ("1", "2", "10")


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


def test_storage_follows_the_names(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/skip.txt", "b/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    source = class_folders(walk(tmp_path))
    assert [source.read(i).decode() for i in range(len(source))] == list(source.names)
