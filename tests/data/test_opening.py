"""Opening by whatever a person names; the real sets where they are at hand; one clear error for the rest."""

import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import smalti.data
from smalti.data.decoding.decode import decode
from smalti.data.opening import open as open_data
from smalti.data.source import Source
from smalti.errors import InputError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not here")


def put(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def summary(source: Source) -> list[tuple[str, str, int, bytes]]:
    return [
        (source.names[i], source.labels[source.targets[i]], int(source.splits[i]), bytes(source.read(i)))
        for i in range(len(source))
    ]


def test_the_door() -> None:
    assert smalti.data.open is open_data


@pytest.mark.parametrize("wrapper", ["", "wrapped/"])
def test_a_folder_a_zip_and_tars_of_the_same_files_are_the_same(tmp_path: Path, wrapper: str) -> None:
    names = [
        f"{wrapper}{split}/{c}/{i}.jpg" for split in ("train", "val", "test") for c in ("cat", "dog") for i in range(3)
    ]
    folder = put(tmp_path / "folder", *names, f"{wrapper}classes.csv")
    expected = summary(open_data(folder))
    assert len(expected) == 18
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    assert summary(open_data(tmp_path / "x.zip")) == expected
    for suffix, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2")):
        with tarfile.open(tmp_path / f"x.{suffix}", mode) as archive:
            archive.add(folder, ".")
        assert summary(open_data(str(tmp_path / f"x.{suffix}"))) == expected


def test_opening_reads_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "cat/1.jpg", "dog/1.jpg")
    monkeypatch.setattr("smalti.data.formats.walk.read_regular", lambda path: pytest.fail(f"read {path}"))
    assert len(open_data(tmp_path)) == 2


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda p: p / "nothing", "nothing: no such file, folder or data set"),
        (lambda p: put(p, "pictures/a/1.jpg") / "picture", "did you mean '.*/pictures'"),
        (lambda p: "~nosuchuser/mnist", "~nosuchuser/mnist: no such file"),
        (lambda p: "mnits", "mnits: no such file.*did you mean 'mnist'"),
        (lambda p: "", "no data named"),
        (lambda p: "a\0b", "no data named"),
        (lambda p: put(p, "x/1.txt") / "x", "no pictures found .it holds 1.txt"),
        (lambda p: put(p, "x.jpg") / "x.jpg", "one picture, not a data set.*smalti predict"),
        (lambda p: put(p, "x.xyz") / "x.xyz", "not a data set that is read .a .xyz file.*for text, --task next-token"),
        (
            lambda p: put(p, "x/README.md", "x/poem.txt", "x/cat/1.mp4") / "x",
            "no pictures found .it holds README.md, cat/1.mp4, poem.txt.; give --task next-token .*learned: poem.txt;",
        ),
        (lambda p: put(p, "x/README.md", "x/cat/1.mp4") / "x", "no pictures found .*; arrange them as <class>"),
        (
            lambda p: put(p, "x/README.md", "x/data/train-0-of-1.parquet") / "x",
            "no pictures found .*; save the pictures in data/train-0-of-1.parquet, a format that is not read, as",
        ),
        (
            lambda p: put(p, "x/a.txt", "x/t.tfrecord-00000-of-00002") / "x",
            "; save the pictures in t.tfrecord-.*, a format",
        ),
        (
            lambda p: put(p, "x.h5") / "x.h5",
            "not a data set that is read .a .h5 file.; save the pictures in it as <class>",
        ),
        (lambda p: put(p, "x/a/1.nii.gz") / "x", "1 NII picture, a format that is not read: a/1.nii.gz; export"),
        (lambda p: put(p, "x/a/1.dcm", "x/b/2.dcm") / "x", "2 DCM pictures, a format that is not read: .* PNG$"),
        (lambda p: p / "train-{000000..000146}.tar", "name the folder of the files: no pattern is read"),
        (lambda p: p / "*.tar", "name the folder of the files: no pattern is read"),
        (lambda p: put(p, "x.zip") / "x.zip", "the zip archive is damaged or cut short"),
        (lambda p: put(p, "x.tar.gz") / "x.tar.gz", "damaged or cut short"),
        (lambda p: put(p, "x.npz") / "x.npz", "cannot be read as .npz"),
        (lambda p: put(p, "x/pneumonia.npz") / "x", "no pictures found.*name one of its files as DATA: pneumonia.npz"),
        (lambda p: put(p, "x.csv") / "x.csv", "no path column|no rows"),
        (lambda p: put(p, "x/1.jpg", "x/2.jpg") / "x", "2 pictures but no class folders"),
        (lambda p: put(p, "x") / "x" / "y", "no such file, folder or data set"),
    ],
)
def test_what_cannot_be_opened_is_one_clear_error(tmp_path: Path, make, what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        open_data(make(tmp_path))
    assert caught.value.mend
    assert "\n" not in str(caught.value)


def test_an_archive_of_archives_is_to_be_unpacked_first(tmp_path: Path) -> None:
    put(tmp_path, "train.zip", "test1.zip")
    (tmp_path / "sampleSubmission.csv").write_text("id,label\n1,0\n")
    (tmp_path / "reviews.csv").write_text("text,label\nfine,0\n")
    with zipfile.ZipFile(tmp_path.parent / "dogs.zip", "w") as archive:
        for file in tmp_path.iterdir():
            archive.write(file, file.name)
    named = "name one of its files as DATA: reviews.csv, test1.zip, train.zip$"
    with pytest.raises(InputError, match=f"; unpack it, then {named}"):
        open_data(tmp_path.parent / "dogs.zip")
    with pytest.raises(InputError, match=f"; {named}"):
        open_data(tmp_path)


def test_a_folder_that_must_not_be_listed_gives_no_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(InputError, match="no such file, folder or data set"):
        open_data(tmp_path / "typo")


def test_empty_files_folders_and_fifos(tmp_path: Path) -> None:
    (tmp_path / "empty.zip").touch()
    with pytest.raises(InputError, match="empty file, zero bytes"):
        open_data(tmp_path / "empty.zip")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"no pictures found .it is empty"):
        open_data(tmp_path / "folder")
    os.mkfifo(tmp_path / "fifo.zip")
    with pytest.raises(InputError, match="neither a folder nor a file"):
        open_data(tmp_path / "fifo.zip")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match="loop: cannot be read"):
        open_data(tmp_path / "loop")


def test_class_folders_give_nothing_for_other_tasks(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/1.jpg")
    with pytest.raises(InputError, match=r"nothing for the task regress.*manifest.csv"):
        open_data(tmp_path, task="regress")


# --- real sets


@real
def test_cifar10_tar() -> None:
    source = open_data(SHARED / "cifar10.tar.gz")
    assert len(source) == 60_000
    assert np.bincount(source.splits).tolist() == [50_000, 0, 10_000]
    assert set(np.bincount(source.targets)) == {6000}
    assert source.labels[:2] == ("airplane", "automobile")
    for i in range(0, 60_000, 6007):
        assert f"/{source.labels[source.targets[i]]}/" in source.names[i]
        assert decode(source.read(i), 3).shape == (3, 32, 32)


@real
@pytest.mark.parametrize(
    ("name", "classes", "counts"), [("gtsrb-subset.zip", 43, [2135, 0, 528]), ("grocery-subset.zip", 30, [600, 0, 450])]
)
def test_zips_with_splits(name: str, classes: int, counts: list[int]) -> None:
    source = open_data(SHARED / name)
    assert len(source.labels) == classes
    assert np.bincount(source.splits).tolist() == counts
    assert any("classes.csv" in note for note in source.notes)
    assert source.empty_classes == ()
    for i in range(0, len(source), 199):
        assert decode(source.read(i), 3).shape[0] == 3


@real
@pytest.mark.parametrize(
    ("name", "what"),
    [
        (
            "twemoji72.zip",
            "metadata.csv has no label or target column; its columns are file_name, text, keywords, group",
        ),
        ("bccd-voc.zip", "not a classification set: it holds boxes for object detection .Pascal VOC"),
        ("coco-mini-yolo.zip", "not a classification set: it holds boxes for object detection .YOLO"),
        ("camvid-mini.zip", "not a classification set: it holds pictures paired with masks"),
        ("tinyshakespeare.txt", "not a data set that is read .a .txt file"),
    ],
)
def test_sets_for_other_tasks_are_told_apart(name: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        open_data(SHARED / name)
