"""Tars read in place: in every form and compression, and damaged."""

import io
import os
import tarfile
import tempfile
from pathlib import Path

import pytest
from tests.data.formats.archives.making import FILES, contents, make_tar

from smalti.data.formats.archives import is_tar, list_archive
from smalti.errors import InputError

TARS = ["tar", "tar.gz", "tar.bz2", "tar.xz"]


@pytest.mark.parametrize("suffix", TARS)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_gives_every_file_back(tmp_path: Path, suffix: str, form: int) -> None:
    path = make_tar(tmp_path / f"x.{suffix}", form=form)
    assert is_tar(path)
    assert contents(path) == FILES


def test_two_members_of_one_name_are_two_samples(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for content in (b"one", b"two"):
            info = tarfile.TarInfo("a.jpg")
            info.size = 3
            archive.addfile(info, io.BytesIO(content))
    tree = list_archive(tmp_path / "x.tar")
    assert [tree.storage.read(i) for i in range(2)] == [b"one", b"two"]


@pytest.mark.parametrize("suffix", TARS)
def test_a_tar_cut_short_is_refused_and_leaves_nothing(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spool"))
    path = make_tar(tmp_path / f"x.{suffix}")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with pytest.raises(InputError, match="damaged or cut short"):
        list_archive(path)
    assert os.listdir(tmp_path / "spool") == []


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "x.tar")
    raw = bytearray(path.read_bytes())
    at = raw.index(b"b/1.jpg")
    raw[at : at + 50] = b"\xff" * 50
    path.write_bytes(raw)
    with pytest.raises(InputError, match="damaged"):
        list_archive(path)
