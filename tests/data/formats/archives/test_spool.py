"""Decompressed files go with the storage, and those of killed processes too."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from tests.data.formats.archives.making import FILES, make_tar

from smalti.data.formats.archives import list_archive


def test_the_decompressed_file_goes_with_the_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    tree = list_archive(make_tar(tmp_path / "x.tar.gz"))
    assert len(os.listdir(tmp_path / "spool")) == 1
    chosen = tree.storage.select([3])
    expected = FILES[tree.paths[3]]
    del tree
    assert chosen.read(0) == expected
    del chosen
    assert os.listdir(tmp_path / "spool") == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    killed = subprocess.Popen(["sleep", "0"])
    killed.wait()
    kept = [spool / f"smalti-{os.getpid()}-x.tar", spool / "smalti-x-y.tar", spool / "smalti-x.tar"]
    for path in (*kept, spool / f"smalti-{killed.pid}-x.tar"):
        path.touch()
    tree = list_archive(make_tar(tmp_path / "x.tar.gz"))
    (own,) = {*spool.iterdir()} - {*kept}
    assert own.name.startswith(f"smalti-{os.getpid()}-")
    assert all(path.exists() for path in kept)
    del tree
