"""Archives are known by their content."""

from pathlib import Path

from tests.data.formats.archives.making import contents, make_tar, make_zip

from smalti.data.formats.archives import is_archive


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


def test_a_tar_with_a_zip_in_it_is_a_tar(tmp_path: Path) -> None:
    files = {"a/1.zip": make_zip(tmp_path / "1.zip").read_bytes()}
    assert contents(make_tar(tmp_path / "x.tar", files)) == files
