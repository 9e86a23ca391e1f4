"""How many cores there are to work with."""

import os

__all__ = ["cores"]


def cores() -> int:
    """Cores this process may use: fewer than the machine has where a container or a queue allots them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
