"""Members that count, under which names, and those that are skipped."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.data.formats.archives.making import make_tar, make_zip

from smalti.data.formats.archives import list_archive


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_members_that_lead_out_are_skipped_and_named(tmp_path: Path, make) -> None:
    path = make(
        tmp_path / ("x.zip" if make is make_zip else "x.tar"),
        {"../../evil.jpg": b"1", "a/../../b.jpg": b"2", "a/1.jpg": b"3"},
    )
    tree = list_archive(path)
    assert list(tree.paths) == ["a/1.jpg"]
    assert tree.storage.read(0) == b"3"
    assert "2 members skipped, names lead out of the archive" in tree.notes[0]
    assert sorted(os.listdir(tmp_path)) == [path.name]


def test_absolute_and_windows_names_become_relative(tmp_path: Path) -> None:
    tree = list_archive(make_tar(tmp_path / "x.tar", {"/etc/x.jpg": b"1", "./cat/1.jpg": b"2"}))
    assert list(tree.paths) == ["cat/1.jpg", "etc/x.jpg"]
    info = zipfile.ZipInfo("x")
    info.filename = "cat\\1.jpg"
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, b"1")
    assert list(list_archive(tmp_path / "x.zip").paths) == ["cat/1.jpg"]


def test_links_in_archives_are_skipped_and_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        info = tarfile.TarInfo("link.jpg")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
        fifo = tarfile.TarInfo("fifo.jpg")
        fifo.type = tarfile.FIFOTYPE
        archive.addfile(fifo)
    tree = list_archive(tmp_path / "x.tar")
    assert not tree.paths
    assert "2 members skipped, links or special files: link.jpg, fifo.jpg" in tree.notes
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "1 member skipped" in list_archive(tmp_path / "x.zip").notes[0]
