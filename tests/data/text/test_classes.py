import pytest

from smalti.data.text.classes import labels_by_folder, same_in_each_split


@pytest.mark.parametrize(
    ("folders", "labels"),
    [
        (["a", "b/c"], {"a": (-1, "a"), "b/c": (-1, "b/c")}),
        (["test", "b/c"], {"test": (-1, "test"), "b/c": (-1, "b/c")}),
        (["", "set/a"], {"set/a": (-1, "a")}),
        ([".", "set", "set/a", "set/b"], {"set/a": (-1, "a"), "set/b": (-1, "b")}),
        (["train/a", "test/a", "test", "notes"], {"train/a": (0, "a"), "test/a": (2, "a")}),
        (["train/a", "train/UNSUP", "val/a"], {"train/a": (0, "a"), "val/a": (1, "a")}),
        ([], {}),
    ],
)
def test_what_a_folder_stands_for(folders: list[str], labels: dict[str, tuple[int, str]]):
    assert labels_by_folder(folders) == labels


@pytest.mark.parametrize(
    ("folders", "same"),
    [
        (["train/a", "train/b", "test/a", "test/b"], True),
        (["train/gr\u00fcn", "train/rot", "test/gru\u0308n", "test/rot"], True),
        (["train/part1", "train/part2", "test/part1", "test/part2"], False),
        (["train/a", "train/b", "test/a"], False),
        (["train/a", "test/a"], False),
        (["a", "b"], False),
        (["train/a", "train/b"], False),
        ([], False),
    ],
)
def test_classes_are_the_same_in_each_split(folders: list[str], same: bool):
    assert same_in_each_split(labels_by_folder(folders)) is same
