"""Zip and tar read in place: equal to the folder they were made from, in every packing, thread and process."""

import io
import multiprocessing
import os
import pickle
import subprocess
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from smalti.data.formats.archives import Archive, compressed, is_archive, is_tar, list_archive
from smalti.errors import InputError, StorageError

FILES = {
    f"{group}/{i}.jpg": np.random.default_rng(i).bytes(10 + 700 * i) + b"\0" * 900
    for group in ("a", "b")
    for i in range(5)
} | {"b/empty.txt": b"", "a/" + "long" * 20 + "/" + "name" * 20 + "/x.jpg": b"long name"}
ZIPS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
TARS = ["tar", "tar.gz", "tar.bz2", "tar.xz"]


def make_zip(path: Path, files: dict[str, bytes] = FILES, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes] = FILES, form: int = tarfile.PAX_FORMAT) -> Path:
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode, format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def contents(path: Path) -> dict[str, bytes]:
    tree = list_archive(path)
    return {name: tree.storage.read(i) for i, name in enumerate(tree.paths)}


@pytest.mark.parametrize("packing", ZIPS)
def test_zip_gives_every_file_back(tmp_path: Path, packing: str) -> None:
    assert contents(make_zip(tmp_path / "x.zip", compression=ZIPS[packing])) == FILES


@pytest.mark.parametrize("suffix", TARS)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_gives_every_file_back(tmp_path: Path, suffix: str, form: int) -> None:
    path = make_tar(tmp_path / f"x.{suffix}", form=form)
    assert is_tar(path)
    assert contents(path) == FILES


def test_archives_are_known_by_content_not_by_name(tmp_path: Path) -> None:
    assert is_archive(make_zip(tmp_path / "a").rename(tmp_path / "a.jpg"))
    assert is_archive(make_tar(tmp_path / "b.tar.gz").rename(tmp_path / "b.png"))
    (tmp_path / "c.zip").write_bytes(b"text")
    (tmp_path / "d.gz").write_bytes(b"\x1f\x8b nonsense")
    assert not is_archive(tmp_path / "c.zip")
    assert not is_archive(tmp_path / "d.gz")
    (tmp_path / "e.jpg").write_bytes(b"\xff\xd8" + (tmp_path / "a.jpg").read_bytes())
    assert not is_archive(tmp_path / "e.jpg"), "a picture whose comment has the marks of a zip"
    assert is_archive((tmp_path / "e.jpg").rename(tmp_path / "e.zip")), "one with something before it"


def test_a_tar_is_compressed_once(tmp_path: Path) -> None:
    files = {"BZh/1.jpg": b"the tar begins as a file does that bzip2 has compressed"}
    path = make_tar(tmp_path / "x.tar.gz", files)
    assert is_tar(path)
    assert contents(path) == files


def test_a_tar_with_a_zip_in_it_is_a_tar(tmp_path: Path) -> None:
    files = {"a/1.zip": make_zip(tmp_path / "1.zip").read_bytes()}
    assert contents(make_tar(tmp_path / "x.tar", files)) == files


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


def test_two_members_of_one_name_are_two_samples(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for content in (b"one", b"two"):
            info = tarfile.TarInfo("a.jpg")
            info.size = 3
            archive.addfile(info, io.BytesIO(content))
    tree = list_archive(tmp_path / "x.tar")
    assert [tree.storage.read(i) for i in range(2)] == [b"one", b"two"]


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    raw = bytearray(make_zip(tmp_path / "x.zip", {"a/1.jpg": b"x"}).read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + at] |= 1
    (tmp_path / "x.zip").write_bytes(raw)
    with pytest.raises(InputError, match=r"a/1.jpg: the archive is encrypted; unpack it with its password"):
        list_archive(tmp_path / "x.zip")


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


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_threads_read_the_right_members(tmp_path: Path, name: str) -> None:
    files = {f"{i:03}.jpg": i.to_bytes(2, "big") * 3000 for i in range(200)}
    tree = list_archive((make_zip if name.endswith("zip") else make_tar)(tmp_path / name, files))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tree.storage.read, [*range(200)] * 5)) == list(files.values()) * 5


def _checked(storage: Archive, expected: list[bytes]) -> None:
    for _ in range(20):
        assert [storage.read(i) for i in range(len(expected))] == expected


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_forked_and_pickled_storage_reads_the_same(tmp_path: Path, name: str) -> None:
    tree = list_archive((make_zip if name.endswith("zip") else make_tar)(tmp_path / name))
    expected = [FILES[path] for path in tree.paths]
    _checked(pickle.loads(pickle.dumps(tree.storage)), expected)
    workers = [
        multiprocessing.get_context("fork").Process(target=_checked, args=(tree.storage, expected)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    _checked(tree.storage, expected)
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    _checked(tree.storage, expected)  # a worker's end leaves the decompressed file


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


def test_select_and_missing(tmp_path: Path) -> None:
    tree = list_archive(make_zip(tmp_path / "x.zip"))
    chosen = tree.storage.select([4, -1, 0])
    assert (chosen.read(0), chosen.read(2)) == (FILES[tree.paths[4]], FILES[tree.paths[0]])
    with pytest.raises(FileNotFoundError):
        chosen.read(1)
    assert chosen.fingerprint() != tree.storage.fingerprint()
    assert tree.storage.fingerprint() == list_archive(tmp_path / "x.zip").storage.fingerprint()


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_gives_an_error_or_the_content(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    make, name = (make_zip, "x.zip") if seed % 2 else (make_tar, "x.tar")
    path = make(tmp_path / name)
    raw = bytearray(path.read_bytes())
    for at in rng.integers(0, len(raw), 5):
        raw[at] = rng.integers(256)
    path.write_bytes(raw)
    try:
        tree = list_archive(path)
    except InputError:
        return
    for i in range(len(tree.paths)):
        try:
            content = tree.storage.read(i)
        except OSError:
            continue
        if name == "x.zip":  # a tar has no checksum of contents
            assert content in FILES.values()
