import errno
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from smalti.errors import StorageError
from smalti.files import is_refused, make_folder, require_folder, require_place, write_durably

SIZE = 300_000  # several writes of the operating system, so that a kill can fall between two
OLD, NEW = b"a" * SIZE, b"b" * SIZE

DURABLE = """
from smalti.files import write_durably as write
"""
PLAIN = """
def write(path, content):
    with open(path, "wb", buffering=0) as file:  # the negative control: the obvious way
        for start in range(0, len(content), 4096):
            file.write(content[start : start + 4096])
"""
LOOP = """
import sys
print("ready", flush=True)
while True:
    for letter in b"ab":
        write(sys.argv[1], bytes([letter]) * int(sys.argv[2]))
"""


def kill_while_writing(writer: str, path: Path, times: int) -> int:
    """Kills a process that rewrites `path` for ever, `times` times; how often a torn file was left."""
    moments = random.Random(0)
    torn = 0
    for _ in range(times):
        path.write_bytes(OLD)
        command = [sys.executable, "-c", writer + LOOP, str(path), str(SIZE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(moments.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
        torn += path.read_bytes() not in (OLD, NEW)
    return torn


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_kill_at_any_instant_leaves_the_old_or_the_new_file(tmp_path: Path):
    assert kill_while_writing(DURABLE, tmp_path / "file", times=25) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_same_kills_tear_a_file_written_the_obvious_way(tmp_path: Path):
    assert kill_while_writing(PLAIN, tmp_path / "file", times=25) > 0


@pytest.mark.parametrize(
    "content", [NEW, NEW.decode(), lambda file: file.write(NEW)], ids=["bytes", "text", "function"]
)
def test_what_is_written_is_read_back(tmp_path: Path, content: bytes | str | Callable[[BinaryIO], object]):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    assert write_durably(path, content) == path
    assert path.read_bytes() == NEW
    assert os.listdir(tmp_path) == ["file"]


def test_text_is_utf8_whatever_the_locale(tmp_path: Path):
    assert write_durably(tmp_path / "file", "Fliese 瓦").read_bytes() == "Fliese 瓦".encode()


@pytest.mark.parametrize("call", ["fsync", "chmod", "replace", "fdopen"])
def test_a_failing_system_call_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
):
    path = tmp_path / "file"
    path.write_bytes(OLD)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StorageError, match="No space left on device") as caught:
        write_durably(path, NEW)
    monkeypatch.undo()
    assert str(path) in str(caught.value)
    assert "free space" in caught.value.mend
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["file"]


def test_a_place_is_asked_for_before_there_is_anything_to_write(tmp_path: Path):
    require_place(tmp_path / "new")
    assert os.listdir(tmp_path) == []
    (tmp_path / "old").write_bytes(OLD)
    require_place(tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == OLD
    for path in (tmp_path / "old" / "new", tmp_path / "gone" / "new"):
        with pytest.raises(StorageError, match=r"could not be written .*; free space or choose another place"):
            require_place(path)


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path):
    (tmp_path / "far").mkdir()
    for name in ("old", "new"):
        (tmp_path / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "far" / "old").write_bytes(OLD)
    for name in ("old", "new"):
        require_place(tmp_path / name)
        assert write_durably(tmp_path / name, NEW) == tmp_path / name
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "far" / name).read_bytes() == NEW
    assert sorted(os.listdir(tmp_path)) == ["far", "new", "old"]
    (tmp_path / "broken").symlink_to(tmp_path / "gone" / "file")
    with pytest.raises(StorageError, match="No such file or directory"):
        require_place(tmp_path / "broken")


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs")
def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    said = {tmp_path: "a folder", tmp_path / "fifo": "not a regular file", tmp_path / "link": "not a regular file"}
    for path, why in said.items():
        for ask in (require_place, lambda path: write_durably(path, NEW)):
            with pytest.raises(StorageError, match=rf"could not be written \({why}\); name a file"):
                ask(path)
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["fifo", "link"]


def test_the_steps_come_in_the_order_that_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        steps.append("sync folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "sync file")
        real_fsync(handle)

    def replace(old: str, new: Path) -> None:
        steps.append("rename")
        assert Path(old).read_bytes() == NEW
        real_replace(old, new)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to tell a folder's handle from a file's")
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_durably(tmp_path / "file", NEW)
    assert steps == ["sync file", "rename", "sync folder"]


def test_an_exception_of_the_writer_leaves_the_old_file_and_passes_through(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(OLD)

    def half(file: BinaryIO) -> None:
        file.write(NEW[: SIZE // 2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_durably(path, half)
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits")
def test_a_full_disk_is_one_error_and_the_old_file_stays(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    code = """
import resource, signal, sys
from smalti.errors import StorageError
from smalti.files import write_durably
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_durably(sys.argv[1], b"b" * 300_000)
except StorageError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert "could not be written (File too large)" in said
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["file"]


def test_a_missing_folder_is_a_storage_error(tmp_path: Path):
    with pytest.raises(StorageError, match="No such file or directory"):
        write_durably(tmp_path / "nowhere" / "file", NEW)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EDQUOT], ids=["read-only", "forbidden", "quota"])
def test_a_folder_that_takes_no_new_file_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int):
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "mkstemp", fail)
    with pytest.raises(StorageError) as caught:
        write_durably(tmp_path / "file", NEW)
    assert caught.value.why == os.strerror(code)
    assert os.listdir(tmp_path) == []
    assert is_refused(OSError(code, os.strerror(code)))
    assert not is_refused(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_storage_error(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StorageError, match="Permission denied"):
            write_durably(path, NEW)
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == OLD


def test_a_target_that_is_a_folder_is_a_storage_error(tmp_path: Path):
    (tmp_path / "file" / "inside").mkdir(parents=True)
    with pytest.raises(StorageError, match="could not be written"):
        write_durably(tmp_path / "file", NEW)
    assert os.listdir(tmp_path) == ["file"]


def test_the_longest_file_name_a_folder_takes_can_be_written(tmp_path: Path):
    assert write_durably(tmp_path / ("n" * 255), NEW).read_bytes() == NEW


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_file_has_the_mode_of_any_other_new_file(tmp_path: Path, mask: int):
    before = os.umask(mask)
    try:
        write_durably(tmp_path / "durable", NEW)
        (tmp_path / "plain").write_bytes(NEW)
    finally:
        os.umask(before)
    assert (tmp_path / "durable").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_make_folder_makes_parents_and_accepts_what_is_there(tmp_path: Path):
    for _ in range(2):
        assert make_folder(tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("make", [make_folder, require_folder])
def test_a_file_in_the_way_of_a_folder_is_refused(make: Callable[[Path], object], tmp_path: Path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StorageError, match="could not be made"):
        make(tmp_path / "a" / "b")


def test_a_place_for_a_folder_is_left_as_it_is(tmp_path: Path):
    require_folder(tmp_path / "a" / "b")
    require_folder(tmp_path)
    assert os.listdir(tmp_path) == []
    with pytest.raises(StorageError, match=r"could not be made \(File name too long\)"):
        require_folder(tmp_path / ("a" * 300))
