"""Which tables are manifests, wherever they lie."""

import shutil
from pathlib import Path

import pytest
from tests.data.formats.manifest.writing import put, read_all, write, zipped_tree

import smalti.data.opening as opening
from smalti.errors import InputError


def test_zeros_and_ones_in_metadata_do_not_overrule_class_folders(folder: Path) -> None:
    for name in "ab":
        (folder / name).mkdir()
        shutil.copy(folder / "images/0.png", folder / name)
    shutil.rmtree(folder / "images")
    table = write(folder, "filename,blurred,flash\na/0.png,1,0\nb/0.png,0,1\n", "metadata.csv")
    source = opening.open(folder)
    assert source.labels == ("a", "b")
    assert any("if these are the labels, call it manifest.csv" in note for note in source.notes)
    assert opening.open(table).labels == ("blurred", "flash")


def test_a_manifest_that_lacks_a_column_is_told_beside_one_that_does_not(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\nimages/1.png,b\n", "train.csv")
    write(folder, "path,lable\nimages/2.png,a\n", "test.csv")
    assert opening.open(folder).notes == ("test.csv has no label or target column; its columns are path, lable",)


def test_one_manifest_a_split(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\nimages/1.png,b\n", "train.csv")
    write(folder, "path,label\nimages/2.png,a\n", "test.csv")
    source = opening.open(folder)
    assert dict(zip(source.names, source.splits.tolist(), strict=True)) == {
        "images/0.png": 0,
        "images/1.png": 0,
        "images/2.png": 2,
    }
    for split in ("train", "test"):
        (folder / split).mkdir()
        (folder / split / "x.png").write_bytes(split.encode())
        (folder / f"{split}.csv").unlink()
        write(folder / split, "file_name,label\nx.png,a\n", "metadata.csv")
    source = opening.open(folder)
    assert {name: (source.splits[i], source.read(i)) for i, name in enumerate(source.names)} == {
        "train/x.png": (0, b"train"), "test/x.png": (2, b"test"),
    }  # fmt: skip


def test_a_manifest_that_leads_nowhere_does_not_hide_those_of_the_splits(folder: Path) -> None:
    for split in ("train", "test"):
        (folder / split).mkdir()
        (folder / split / "x.png").write_bytes(split.encode())
        write(folder / split, "file_name,label\nx.png,a\n", "metadata.csv")
    write(folder, "path,label\naway/none.png,a\n", "labels.csv")
    source = opening.open(folder)
    assert sorted(source.names) == ["test/x.png", "train/x.png"]
    assert any("labels.csv is not read: none of its pictures is there" in note for note in source.notes)


def test_two_manifests_that_would_do(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\n", "metadata.csv")
    write(folder, "path,label\nimages/0.png,b\n", "labels.csv")
    with pytest.raises(InputError, match=r"2 manifests.*labels.csv.*metadata.csv.*name the one to use"):
        opening.open(folder)


def test_classes_csv_beside_class_folders_is_no_manifest(folder: Path) -> None:
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(b"x")
    for i in range(6):
        (folder / "images" / f"{i}.png").unlink()
    (folder / "images").rmdir()
    write(folder, "class,name\ncat,Cat\n", "classes.csv")
    write(folder, "class,name\ncat,Cat\n", "labels.csv")
    source = opening.open(folder)
    assert source.labels == ("cat", "dog")
    assert "2 files left out, not pictures: classes.csv, labels.csv" in source.notes
    assert "labels.csv has no path column; its columns are class, name" in source.notes


def test_a_manifest_without_answers_names_its_columns(folder: Path) -> None:
    write(folder, "file_name,text,group\nimages/0.png,hello,x\n", "metadata.csv")
    with pytest.raises(
        InputError,
        match=r"no classes found \(metadata.csv has no label or target column; its columns are file_name, text, group",
    ):
        opening.open(folder)
    with pytest.raises(InputError, match="no label or target column; the columns are file_name, text, group"):
        opening.open(folder / "metadata.csv")
    with pytest.raises(InputError, match=r"no path column; the columns are A, Label; the first row must name the colu"):
        opening.open(write(folder, "A,Label\nx,2\n"))


@pytest.mark.parametrize("beside", [(), ("README.txt",), ("README.txt", "LICENSE")])
@pytest.mark.parametrize("wrapper", ["set", "data/set"])
def test_a_manifest_in_the_folder_around_all_pictures(tmp_path: Path, beside: tuple[str, ...], wrapper: str) -> None:
    paths = [f"{wrapper}/cam{i}/{i}.jpg" for i in (1, 2)]
    root = put(tmp_path / "x", *paths, *beside)
    put(root / wrapper, manifest="path,label\ncam1/1.jpg,dog\ncam2/2.jpg,cat\n")
    for data in (root, zipped_tree(root)):
        source = opening.open(data)
        assert (source.labels, source.targets.tolist(), [*source.names]) == (("cat", "dog"), [1, 0], paths)


@pytest.mark.parametrize("wrapper", ["", "data/", "of/data/"])
@pytest.mark.parametrize("beside", [(), ("README.md",)])
@pytest.mark.parametrize("splits", [("train",), ("train", "test"), ("train", "validation", "test")])
def test_a_table_in_each_split(tmp_path: Path, wrapper: str, beside: tuple[str, ...], splits: tuple[str, ...]) -> None:
    put(tmp_path, *(f"{wrapper}{split}/{i}.jpg" for split in splits for i in range(2)), *beside)
    for split in splits:
        put(tmp_path / wrapper / split, metadata="file_name,label\n0.jpg,a\n1.jpg,b\n")
    source = opening.open(tmp_path)
    read = {(text.decode(), int(split)) for text, split in zip(read_all(source), source.splits, strict=True)}
    number = {"train": 0, "validation": 1, "test": 2}
    assert read == {(f"{wrapper}{split}/{i}.jpg", number[split]) for split in splits for i in range(2)}


def test_the_outermost_manifest_counts_and_others_are_named(tmp_path: Path) -> None:
    rows = "path,label\ncam1/1.jpg,dog\ncam2/2.jpg,cat\n"
    put(tmp_path, "set/cam1/1.jpg", "set/cam2/2.jpg", labels=rows.replace("cam", "set/cam"), notes="a,b\n1,2\n")
    put(tmp_path, set__labels=rows.replace("dog", "cow"), set__old=rows, set__cam1__manifest=rows)
    source = opening.open(tmp_path)
    assert source.labels == ("cat", "dog")
    said = "has the columns of a manifest, but is not read"
    assert [note.split()[0] for note in source.notes if said in note] == [
        "set/cam1/manifest.csv", "set/old.csv", "set/labels.csv",
    ]  # fmt: skip


def test_a_manifest_under_another_name_is_told_beside_class_folders(tmp_path: Path) -> None:
    source = opening.open(put(tmp_path, "cam1/1.jpg", "cam2/2.jpg", all="path,label\ncam1/1.jpg,dog\n", x="a,A\n"))
    assert source.labels == ("cam1", "cam2")
    assert any(note.startswith("all.csv has the columns of a manifest, but is not read") for note in source.notes)


def test_a_table_that_leads_nowhere_and_says_what_class_folders_say_is_passed_over(tmp_path: Path) -> None:
    root = put(tmp_path / "x", *(f"{split}/{c}/1.jpg" for split in ("train", "test") for c in ("cat", "dog")))
    put(root, train="path,label\nold/1.jpg,Cat\nold/2.jpg,dog\n")
    for data in (root, zipped_tree(root)):
        source = opening.open(data)
        assert (source.labels, len(source)) == (("cat", "dog"), 4)
        assert any(note.endswith("train.csv is not read: none of its pictures is there") for note in source.notes)
    put(root, train="path,label\nold/1.jpg,cat\nold/2.jpg,cow\n")
    with pytest.raises(InputError, match="none of the 2 files named in the manifest exists") as refused:
        opening.open(root)
    assert refused.value.mend.endswith("or take it away to learn by the names of folders")


BESIDE = {
    "not UTF-8 text": "path,label\nköter.jpg,1\n".encode("latin-1"),
    "two columns are called 'id'": b"id,ID,label\n1,2,3\n",
}


REFUSED = dict(zip(BESIDE, ("not UTF-8 text", "two columns are called"), strict=True))


@pytest.mark.parametrize("name", ["labels", "train", "metadata"])
@pytest.mark.parametrize("said", BESIDE)
def test_a_table_that_cannot_be_read_does_not_stop_class_folders(tmp_path: Path, name: str, said: str) -> None:
    root = put(tmp_path / "x", "set/cat/1.jpg", "set/dog/1.jpg")
    (root / f"{name}.csv").write_bytes(BESIDE[said])
    for data in (root, zipped_tree(root)):
        source = opening.open(data)
        assert source.labels == ("cat", "dog")
        assert any(f"{name}.csv is not read: {said}" in note for note in source.notes)
    (root / f"{name}.csv").rename(root / "manifest.csv")
    with pytest.raises(InputError, match=REFUSED[said]):
        opening.open(root)


@pytest.mark.parametrize("said", BESIDE)
@pytest.mark.parametrize(
    "paths", [("1.jpg",), ("images/1.jpg",), ("train/1.jpg", "test1/2.jpg"), ("a/x/1.jpg", "1.jpg")]
)
def test_it_does_where_there_are_none(tmp_path: Path, said: str, paths: tuple[str, ...]) -> None:
    (put(tmp_path, *paths) / "labels.csv").write_bytes(BESIDE[said])
    with pytest.raises(InputError, match=REFUSED[said]):
        opening.open(tmp_path)


@pytest.mark.parametrize("outer", [("metadata",), ("metadata", "labels"), ("train", "test")])
def test_a_manifest_that_leads_nowhere_does_not_hide_one_further_in(tmp_path: Path, outer: tuple[str, ...]) -> None:
    root = put(tmp_path / "x", "set/cam1/1.jpg", "set/cam2/2.jpg", "README.md")
    put(root, **dict.fromkeys(outer, "path,label\nold/7.jpg,cow\n"))
    put(root, set__labels="path,label\ncam1/1.jpg,dog\ncam2/2.jpg,cat\n", set__cam1__labels="path,label\n1.jpg,a\n")
    for data in (root, zipped_tree(root)):
        source = opening.open(data)
        assert (source.labels, [*source.names]) == (("cat", "dog"), ["set/cam1/1.jpg", "set/cam2/2.jpg"])
        unread = {note.split()[0] for note in source.notes if "is not read: none of its pictures is there" in note}
        assert unread == {f"{data}/{name}.csv" for name in outer}


def test_where_no_manifest_leads_to_a_picture_the_outermost_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "set/1.jpg", labels="path,label\na/7.jpg,cow\nb/8.jpg,cow\n", set__labels="path,label\nb/9.jpg,cow\n")
    with pytest.raises(InputError, match=r"none of the 2 files named in the manifest exists .the first is a/7.jpg.;"):
        opening.open(tmp_path)
