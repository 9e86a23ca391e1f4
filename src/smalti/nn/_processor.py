"""Whose processor this is, where that decides which library's kernels are fast on it."""

import functools
import platform
from pathlib import Path

__all__ = ["is_intel"]


@functools.cache
def is_intel() -> bool:
    """Whether the processor is Intel's, for whose own MKL takes its best path; on others it leaves half of AVX-512
    unused."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux; Windows says it here, and a Mac has no MKL
        told = platform.processor()
    return "GenuineIntel" in told
