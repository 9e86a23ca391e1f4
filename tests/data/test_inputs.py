"""Loose pictures for prediction."""

import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from smalti.data.inputs import find_pictures
from smalti.errors import InputError


def test_files_folders_and_archives(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/1.png", "b/deep/3.webp", "b/4.HEIC", "b/notes.txt", "x.dat"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("cat/1.jpg", b"zipped")
    given = (tmp_path / "x.dat", str(tmp_path / "b"), tmp_path / "a.zip")
    found = [(name, read()) for path in given for name, read in find_pictures(path)]
    assert found == [
        (str(tmp_path / "x.dat"), b"x.dat"),
        (str(tmp_path / "b" / "1.png"), b"b/1.png"),
        (str(tmp_path / "b" / "2.jpg"), b"b/2.jpg"),
        (str(tmp_path / "b" / "4.HEIC"), b"b/4.HEIC"),
        (str(tmp_path / "b" / "deep" / "3.webp"), b"b/deep/3.webp"),
        (str(tmp_path / "a.zip" / "cat/1.jpg"), b"zipped"),
    ]


def test_one_bad_file_is_left_to_its_reader(tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "fifo.jpg")
    names = ("gone.jpg", "fifo.jpg", "good.jpg")
    readers = {name: read for path in names for name, read in find_pictures(tmp_path / path)}
    with pytest.raises(FileNotFoundError):
        readers[str(tmp_path / "gone.jpg")]()
    with pytest.raises(OSError, match="a FIFO"):
        readers[str(tmp_path / "fifo.jpg")]()
    assert readers[str(tmp_path / "good.jpg")]() == b"x"


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").mkdir()
    with pytest.raises(InputError, match="no pictures found"):
        list(find_pictures(tmp_path / "x.jpg"))


@pytest.mark.parametrize("name", ["1.NEF", "1.dng", "1.cr2"])
def test_a_raw_file_of_a_camera_is_named_and_its_preview_is_not_read(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (16, 12)).save(tmp_path / name, "TIFF")  # as these begin
    for given in (tmp_path, tmp_path / name):
        ((found, read),) = find_pictures(given)
        assert found == str(tmp_path / name)
        with pytest.raises(InputError, match=f"a picture in {name[2:].upper()}, a format that is not read; export it"):
            read()


def test_what_is_skipped_on_the_way_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "1.jpg").touch()
    os.mkfifo(tmp_path / "2.jpg")
    assert len(list(find_pictures(tmp_path))) == 1
    assert caplog.messages == [f"{tmp_path}: 1 skipped, not a regular file: 2.jpg (a FIFO)"]
