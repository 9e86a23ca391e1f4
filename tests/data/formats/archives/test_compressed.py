"""Compressed tars: decompressed once, where there is room."""

from pathlib import Path

import pytest
from tests.data.formats.archives.making import contents, make_tar

from smalti.data.formats.archives import compressed, is_tar, list_archive
from smalti.errors import StorageError


def test_a_tar_is_compressed_once(tmp_path: Path) -> None:
    files = {"BZh/1.jpg": b"the tar begins as a file does that bzip2 has compressed"}
    path = make_tar(tmp_path / "x.tar.gz", files)
    assert is_tar(path)
    assert contents(path) == files


def test_no_room_to_decompress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None: ...
        def read(self, _: int) -> bytes:
            raise OSError(28, "No space left on device")

    path = make_tar(tmp_path / "x.tar.gz")
    monkeypatch.setattr(compressed, "DECOMPRESSORS", ((b"\x1f\x8b", Full),))
    with pytest.raises(StorageError, match=r"No space left on device.*set TMPDIR"):
        list_archive(path)
