"""Where smalti keeps what it can work out again: $SMALTI_CACHE, else $XDG_CACHE_HOME/smalti, else ~/.cache/smalti.

Losing the cache costs time, never correctness. So a cache that cannot be written is silently no cache, and an entry
that is damaged was never there.
"""

import hashlib
import os
from pathlib import Path

from smalti.errors import StorageError
from smalti.files import write_durably

__all__ = ["cache_folder", "keep", "recall"]

_DIGEST = 16  # bytes of blake2b in front of every entry
_ENTRIES = 64  # of one kind, unless it says otherwise; the oldest go first


def cache_folder() -> Path | None:
    """The folder of derived things, which may not exist yet; None where this machine names no home."""
    if chosen := os.environ.get("SMALTI_CACHE"):
        return Path(chosen)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "smalti"
    try:
        return Path.home() / ".cache" / "smalti"
    except RuntimeError:  # no HOME and no entry in the user database
        return None


def keep(kind: str, key: str, content: bytes, *, entries: int | None = None) -> None:
    """Stores `content` under `key`, durably, and lets the oldest entries of `kind` go. Does nothing where it cannot.

    Args:
        kind: what the entry is, a folder name ("check").
        key: a digest of everything `content` depends on, as hexadecimal.
        content: what `recall` returns.
        entries: how many of this kind stay; 64 unless given.
    """
    if (folder := cache_folder()) is None:
        return
    try:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        write_durably(folder / kind / key, _digest(content) + content)
        kept = sorted((folder / kind).iterdir(), key=lambda entry: entry.stat().st_mtime)
        for old in kept[: -(entries or _ENTRIES)]:
            old.unlink(missing_ok=True)
    except (OSError, StorageError):
        return


def recall(kind: str, key: str) -> bytes | None:
    """What `keep` stored under `key`; None where there is nothing, or nothing whole."""
    if (folder := cache_folder()) is None:
        return None
    try:
        entry = (folder / kind / key).read_bytes()
    except OSError:
        return None
    digest, content = entry[:_DIGEST], entry[_DIGEST:]
    return content if digest == _digest(content) else None


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()
