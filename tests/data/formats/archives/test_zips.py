"""Zips read in place: in every packing, streamed, behind other bytes, encrypted and damaged."""

import io
import zipfile
from pathlib import Path

import pytest
from tests.data.formats.archives.making import FILES, contents, make_zip

from smalti.data.formats.archives import is_archive, list_archive
from smalti.errors import InputError

ZIPS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


@pytest.mark.parametrize("packing", ZIPS)
def test_zip_gives_every_file_back(tmp_path: Path, packing: str) -> None:
    assert contents(make_zip(tmp_path / "x.zip", compression=ZIPS[packing])) == FILES


def test_a_streamed_zip_with_sizes_after_the_data(tmp_path: Path) -> None:
    class OneWay(io.RawIOBase):  # cannot seek, so zipfile writes the sizes behind each member
        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:
            self.parts.append(bytes(data))
            return len(data)

    stream = OneWay()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    (tmp_path / "x.zip").write_bytes(b"".join(stream.parts))
    assert contents(tmp_path / "x.zip") == FILES


def test_a_zip_behind_other_bytes(tmp_path: Path) -> None:
    make_zip(tmp_path / "x.zip")
    (tmp_path / "x.zip").write_bytes(b"#!/bin/sh\n" * 99 + (tmp_path / "x.zip").read_bytes())
    assert contents(tmp_path / "x.zip") == FILES


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    raw = bytearray(make_zip(tmp_path / "x.zip", {"a/1.jpg": b"x"}).read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + at] |= 1
    (tmp_path / "x.zip").write_bytes(raw)
    with pytest.raises(InputError, match=r"a/1.jpg: the archive is encrypted; unpack it with its password"):
        list_archive(tmp_path / "x.zip")


def test_a_zip_cut_short_is_no_archive_and_says_so_when_listed(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip")
    path.write_bytes(path.read_bytes()[:-30])
    assert not is_archive(path)
    with pytest.raises(InputError, match="damaged or cut short"):
        list_archive(path)


def test_damage_inside_a_zip_is_an_os_error_of_that_member_alone(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"a.jpg": b"x" * 4000, "b.jpg": b"fine"}, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[2000] ^= 255
    path.write_bytes(raw)
    storage = list_archive(path).storage
    with pytest.raises(OSError, match="damaged inside the archive"):
        storage.read(0)
    assert storage.read(1) == b"fine"


def test_a_member_that_grows_past_its_declared_size_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"a.jpg": bytes(1_000_000)})
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02") + 24  # the declared true size
    raw[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(OSError, match="damaged"):
        list_archive(path).storage.read(0)
    raw[at : at + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(OSError, match="larger than 1 GiB"):
        list_archive(path).storage.read(0)
