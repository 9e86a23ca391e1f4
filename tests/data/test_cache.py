import os
from pathlib import Path

import pytest

from smalti.data import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_kept_is_recalled(folder):
    assert cache.recall("check", "ab12") is None
    assert not folder.exists(), "looking something up makes no folder"
    cache.keep("check", "ab12", b"facts")
    assert cache.recall("check", "ab12") == b"facts"
    assert cache.recall("check", "ab13") is None
    cache.keep("check", "ab12", b"")
    assert cache.recall("check", "ab12") == b""


def test_a_damaged_entry_was_never_there(folder):
    cache.keep("check", "k", b"0123456789")
    whole = (folder / "check" / "k").read_bytes()
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1
        (folder / "check" / "k").write_bytes(flipped)
        assert cache.recall("check", "k") is None
    for length in range(len(whole)):
        (folder / "check" / "k").write_bytes(whole[:length])
        assert cache.recall("check", "k") is None
    cache.keep("check", "k", b"0123456789")
    assert cache.recall("check", "k") == b"0123456789"


def test_a_cache_that_cannot_be_written_is_no_cache(folder):
    folder.write_text("a file where the folder should be")
    cache.keep("check", "k", b"x")
    assert cache.recall("check", "k") is None
    assert folder.read_text() == "a file where the folder should be"


def test_the_oldest_entries_go_first(folder, monkeypatch):
    monkeypatch.setattr(cache, "_ENTRIES", 3)
    for age, key in enumerate("abcd"):
        cache.keep("check", key, key.encode())
        os.utime(folder / "check" / key, (1000 + age, 1000 + age))
    cache.keep("check", "e", b"e")
    assert sorted(p.name for p in (folder / "check").iterdir()) == ["c", "d", "e"]
    cache.keep("other", "a", b"another kind does not compete")
    assert len(list((folder / "check").iterdir())) == 3


def test_the_place_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("SMALTI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "xdg" / "smalti"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_folder() == tmp_path / "home" / ".cache" / "smalti"


def test_no_home_is_no_cache(monkeypatch):
    monkeypatch.delenv("SMALTI_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    cache.keep("check", "k", b"x")
    assert cache.recall("check", "k") is None
