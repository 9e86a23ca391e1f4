"""Tables beside pictures whose folders say little."""

from pathlib import Path

import pytest
from tests.data.formats.folders.trees import tree

from smalti.data.formats.folders import class_folders
from smalti.data.formats.tree import Tree
from smalti.data.formats.walk import walk
from smalti.errors import InputError


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
