"""Whose processor this is, where that decides which library's kernels are fast on it."""

import functools
import platform
from pathlib import Path

__all__ = ["is_intel"]


def is_intel() -> bool:
    """Whether the processor is Intel's, for whose own MKL takes its best path; on others it leaves half of AVX-512
    unused."""
    return "GenuineIntel" in described()


# torch.compile sees no caches and can read no files. All that torch.compiler.assume_constant_result does, but that it
# imports the compiler, for which every command would wait.
is_intel._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess] - torch's own name


@functools.cache
def described() -> str:
    """What the system says of its processor."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux; Windows says it here, and a Mac has no MKL
        return platform.processor()
