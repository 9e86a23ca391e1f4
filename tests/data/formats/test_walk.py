"""Walking folders that want to loop, hang or hide."""

import os
import socket
from pathlib import Path

import pytest

from smalti.data.formats.walk import Files, read_regular, walk
from smalti.data.names import Names
from smalti.errors import InputError


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def test_files_in_sorted_order_and_folders_empty_ones_too(tmp_path: Path) -> None:
    put(tmp_path, "b/2.jpg", "a/1.jpg", "b/deep/3.jpg")
    (tmp_path / "c").mkdir()
    tree = walk(tmp_path)
    assert list(tree.paths) == ["a/1.jpg", "b/2.jpg", "b/deep/3.jpg"]
    assert list(tree.folders) == ["a", "b", "b/deep", "c"]
    assert [tree.storage.read(i) for i in range(3)] == [b"a/1.jpg", b"b/2.jpg", b"b/deep/3.jpg"]
    assert tree.notes == ()


def test_the_order_is_that_of_whole_paths_also_below_links(tmp_path: Path) -> None:
    names = ["a/z.jpg", "a-b/y.jpg", "a.jpg", "a/b/c.jpg", "a/b.jpg", "a/b-c.jpg", "ab/x.jpg"]
    put(tmp_path / "data", *names)
    put(tmp_path / "elsewhere", *names)
    assert list(walk(tmp_path / "data").paths) == sorted(names)
    (tmp_path / "data" / "a+b").symlink_to(tmp_path / "elsewhere")
    assert list(walk(tmp_path / "data").paths) == sorted(names + [f"a+b/{name}" for name in names])


def test_what_systems_leave_behind_is_not_seen(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a/.DS_Store",
        "a/Thumbs.db",
        "a/desktop.ini",
        "__MACOSX/a/._1.jpg",
        ".git/x.jpg",
        "a/._1.jpg",
        "a/1.jpg",
    )
    assert list(walk(tmp_path).paths) == ["a/1.jpg"]


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "x/1.jpg", "2.jpg")
    root = tmp_path / "data"
    put(root, "a/0.jpg")
    (root / "b").symlink_to(tmp_path / "elsewhere" / "x")
    (root / "a" / "2.jpg").symlink_to(tmp_path / "elsewhere" / "2.jpg")
    tree = walk(root)
    assert list(tree.paths) == ["a/0.jpg", "a/2.jpg", "b/1.jpg"]
    assert tree.storage.read(1) == b"2.jpg"


def test_loops_and_doubles_are_noted_and_real_folders_win(tmp_path: Path) -> None:
    put(tmp_path, "data/cat/1.jpg", "outside.jpg")
    root = tmp_path / "data"
    (root / "a_link_to_cat").symlink_to(root / "cat")  # sorts before the real folder
    (root / "cat" / "up").symlink_to(root)
    (root / "cat" / "far_up").symlink_to("/")
    (root / "cat" / "round").symlink_to(root / "cat" / "round")
    tree = walk(root)
    assert list(tree.paths) == ["cat/1.jpg"]
    told = "\n".join(tree.notes)
    assert all(f"link {name} skipped" in told for name in ("a_link_to_cat", "cat/up", "cat/far_up", "cat/round"))


def test_a_broken_link_to_a_picture_stays_to_be_reported(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    tree = walk(tmp_path)
    assert list(tree.paths) == ["gone.jpg"]
    with pytest.raises(OSError, match="No such file"):
        tree.storage.read(0)


def test_fifos_and_sockets_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/1.jpg")
    os.mkfifo(tmp_path / "a" / "2.jpg")
    monkeypatch.chdir(tmp_path)  # socket paths are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a/3.jpg")
        tree = walk(tmp_path)
    assert list(tree.paths) == ["a/1.jpg"]
    assert "2 skipped, not a regular file: a/2.jpg (a FIFO), a/3.jpg (a socket)" in tree.notes
    with pytest.raises(OSError, match="a FIFO"):  # would wait for a writer for ever
        read_regular(tmp_path / "a" / "2.jpg")
    with pytest.raises(OSError, match="a folder"):
        read_regular(tmp_path / "a")


def test_a_folder_with_the_name_of_a_picture(tmp_path: Path) -> None:
    put(tmp_path, "a/x.jpg/1.jpg")
    tree = walk(tmp_path)
    assert list(tree.paths) == ["a/x.jpg/1.jpg"]
    assert "a/x.jpg is a folder, not a picture" in tree.notes


@pytest.mark.parametrize(
    "name", ["new\nline.jpg", "esc\x1b[31m.jpg", "x" * 250 + ".jpg", "\udcff\udcfe.jpg", "  .jpg", "-rf.jpg"]
)
def test_hostile_names_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"content")
    tree = walk(tmp_path)
    assert list(tree.paths) == [name]
    assert tree.storage.read(0) == b"content"
    assert tree.storage.fingerprint()


def test_an_unreadable_folder_is_an_error_not_a_smaller_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/1.jpg", "b/1.jpg")
    scandir = os.scandir

    def forbidding(path: str):  # the tests may run as root, whom no mode stops
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    with pytest.raises(InputError, match=r"/b: folder cannot be read .Permission denied.; give yourself the right"):
        walk(tmp_path)


def test_the_fingerprint_follows_content_and_names(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    seen = {walk(tmp_path).storage.fingerprint()}
    assert walk(tmp_path).storage.fingerprint() in seen
    (tmp_path / "a.jpg").write_bytes(b"longer than before")
    seen.add(walk(tmp_path).storage.fingerprint())
    os.utime(tmp_path / "b.jpg", ns=(1, 1))
    seen.add(walk(tmp_path).storage.fingerprint())
    (tmp_path / "b.jpg").rename(tmp_path / "c.jpg")
    seen.add(walk(tmp_path).storage.fingerprint())
    seen.add(Files(str(tmp_path), Names(["missing"])).fingerprint())
    assert len(seen) == 5


def test_a_choice_of_files(tmp_path: Path) -> None:
    put(tmp_path, "a", "b", "c")
    chosen = walk(tmp_path).storage.select([2, 0])
    assert [chosen.read(0), chosen.read(1)] == [b"c", b"a"]
    with pytest.raises(FileNotFoundError):
        chosen.read(-1)


def test_a_walk_ends_where_there_is_more_than_was_allowed(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "a/2.jpg", "b.jpg")
    assert len(walk(tmp_path, at_most=4).paths) == 3
    with pytest.raises(InputError, match="more than 3 files and folders; name a smaller folder"):
        walk(tmp_path, at_most=3)
