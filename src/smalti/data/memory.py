"""How much memory there is to keep pictures in."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["default_memory_limit"]

_GROUP = Path("/sys/fs/cgroup")  # of a container


def default_memory_limit() -> int:
    """Bytes: a quarter of the free memory, at most 4 GiB."""
    return min(_free_memory() // 4, 4 << 30)


def _free_memory() -> int:
    """Bytes this process can still take: what the machine has free, and what its container allows; 8 GiB if unknown."""
    known = []
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        known.append(int(lines["MemAvailable"].split()[0]) << 10)
    except (OSError, KeyError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    with suppress(OSError, KeyError, ValueError):  # no container, or no limit ("max")
        limit, used = (int((_GROUP / f"memory.{what}").read_text()) for what in ("max", "current"))
        parts = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        known.append(limit - used + int(parts["inactive_file"]))  # files read of late, which give way
    return max(0, min(known, default=8 << 30))
