"""Pictures at the paths that a table gives them, and by name."""

from pathlib import Path

import pytest
from tests.data.formats.manifest.writing import put, write

import smalti.data.opening as opening
from smalti.data.formats.manifest import reading
from smalti.data.formats.walk import walk
from smalti.errors import InputError


def test_missing_files_stay_to_be_reported_unless_all_are(folder: Path) -> None:
    source = opening.open(write(folder, "path,label\nimages/0.png,a\nimages/gone.png,b\n"))
    assert len(source) == 2
    with pytest.raises(OSError, match="No such file"):
        source.read(1)
    with pytest.raises(InputError, match=r"none of the 1 files named in the manifest exists .the first is gone.png."):
        opening.open(write(folder, "path,label\ngone.png,a\n"))


@pytest.mark.parametrize(
    ("table", "text", "expected"),
    [
        ("all", "image,MEL,NV\nISIC_1,1.0,0.0\nISIC_2,0.0,1.0\n", {"in/ISIC_1.jpg": "MEL", "in/ISIC_2.JPG": "NV"}),
        ("manifest", "image,label\n/k/ISIC_1.jpg,a\nC:\\x\\ISIC_2,b\n", {"in/ISIC_1.jpg": "a", "in/ISIC_2.JPG": "b"}),
        ("Training_set", "filename,label\n1.jpg,a\n2.jpg,b\n", {"train/1.jpg": "a", "train/2.jpg": "b"}),
        ("train", "filename,label\n1,a\n2.jpg,b\n", {"train/1.jpg": "a", "train/2.jpg": "b"}),
        ("labels", "image,label\nISIC_1,a\n\u00fc,b\nno,b\n", {"in/ISIC_1.jpg": "a", "u\u0308.jpg": "b", "no": "b"}),
    ],
)  # fmt: skip
def test_pictures_are_found_by_name_where_no_path_leads_to_one(
    tmp_path: Path, table: str, text: str, expected: dict[str, str]
) -> None:
    put(tmp_path, "in/ISIC_1.jpg", "in/ISIC_2.JPG", "train/1.jpg", "train/2.jpg", "test/1.jpg", "u\u0308.jpg")
    put(tmp_path, **{table: text})
    for data in (tmp_path / f"{table}.csv", *([tmp_path] if table != "all" else [])):
        source = opening.open(data)
        labels = (source.labels[target] for target in source.targets)
        assert dict(zip(source.names, labels, strict=True)) == expected
        assert any("looked for by name" in note for note in source.notes)


@pytest.mark.parametrize(
    "rows",
    ["1.jpg,p\n", "1,p\n3.jpg,q\n", "a/3.jpg,p\nb/3.jpg,q\n", "4.jpg,p\n"],
    ids=["two pictures", "two without suffix", "two rows", "none"],
)
def test_a_name_of_two_is_no_name(tmp_path: Path, rows: str) -> None:
    put(tmp_path, "a/x/1.jpg", "b/y/1.png", "b/y/1.jpg", "c/z/3.jpg", manifest=f"path,label\n{rows}")
    for data in (tmp_path, tmp_path / "manifest.csv"):
        with pytest.raises(
            InputError, match=r"none of the \d files named in the manifest exists .the first is .*; give"
        ):
            opening.open(data)


@pytest.mark.parametrize(
    ("table", "rows"), [("train", "0.png,a\n1,b\n"), ("labels", "train/0.png,a\n/kaggle/input/x/train/1.png,b\n")]
)
@pytest.mark.parametrize("test", ["test", "data/test_jpg"])
def test_labels_of_one_split_are_not_put_on_pictures_of_another(
    tmp_path: Path, table: str, rows: str, test: str
) -> None:
    put(tmp_path, f"{test}/0.png", f"{test}/1.png", **{table: f"path,label\n{rows}"})
    for data in (tmp_path, tmp_path / f"{table}.csv"):
        with pytest.raises(InputError, match=f"none of the 2 files .* {test}/0.png is called .* in another split"):
            opening.open(data)


@pytest.mark.parametrize("around", ["", "data/"])
@pytest.mark.parametrize("header", ["image,level", "id_code,level"])
@pytest.mark.parametrize("name", ["train", "trainLabels", "train_labels", "Labels-Train"])
def test_a_tables_name_says_which_of_two_pictures_is_meant(tmp_path: Path, name: str, header: str, around: str) -> None:
    put(tmp_path, *(f"{around}{split}-jpg/{i}.png" for split in ("train", "test") for i in range(4)))
    put(tmp_path, **{name: f"{header}\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(4))})
    source = opening.open(tmp_path / f"{name}.csv")
    assert [*source.names] == [f"{around}train-jpg/{i}.png" for i in range(4)]


def test_what_a_table_called_val_names_may_lie_in_train(tmp_path: Path) -> None:
    put(tmp_path, *(f"train_images/{i}.jpg" for i in range(4)), "test_images/9.jpg")
    put(tmp_path, train="image,label\n0,a\n1,b\n", val="image,label\n2,a\n3,b\n")
    source = opening.open(tmp_path)
    read = dict(zip(source.names, source.splits.tolist(), strict=True))
    assert read == {f"train_images/{i}.jpg": i // 2 for i in range(4)}


def test_folders_say_which_of_two_pictures_is_meant(tmp_path: Path) -> None:
    paths = [f"{folder}/{i}.png" for folder in ("left", "right") for i in range(2)]
    put(tmp_path, *(f"data/{path}" for path in paths))
    put(tmp_path, manifest="path,label\n" + "".join(f"/kaggle/input/{path},a\n" for path in paths))
    for data in (tmp_path, tmp_path / "manifest.csv"):
        assert [*opening.open(data).names] == [f"data/{path}" for path in paths]
    put(tmp_path, manifest="path,label\n0.png,a\n1.png,a\n")
    with pytest.raises(InputError, match=r"several files are called as one .* is: data/left/0.png, data/right/0.png\)"):
        opening.open(tmp_path)


def test_many_names_are_looked_up_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *(f"in/{i}.jpg" for i in range(50)), labels="path,label\n" + "".join(f"{i},a\n" for i in range(50)))
    asked = []
    monkeypatch.setattr(reading, "walk", lambda root, **rest: asked.append(root) or walk(root, **rest))
    assert len(opening.open(tmp_path / "labels.csv")) == 50
    assert len(asked) == 1


def test_names_are_not_looked_for_among_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "in/1.jpg", "in/2.jpg", labels="path,label\n1,a\n2,b\n")
    monkeypatch.setattr(reading, "_SEARCHED", 4)  # with the folder, and the table itself
    assert len(opening.open(tmp_path / "labels.csv")) == 2
    put(tmp_path, "in/3.jpg")
    with pytest.raises(InputError) as caught:
        opening.open(tmp_path / "labels.csv")
    assert caught.value.why == (f"the first is 1; not looked for by name: {tmp_path}: more than 4 files and folders")
    put(tmp_path, labels="path,label\nin/1.jpg,a\nin/2.jpg,b\n")  # nothing to look for
    assert len(opening.open(tmp_path / "labels.csv")) == 2
