"""Freed blocks are kept, so the next forward pass finds its memory mapped."""

import platform
import subprocess
import sys

import pytest

TOUCH = """
import resource, sys, torch
from smalti.nn._allocator import keep_blocks
if sys.argv[1] == "keep":
    assert keep_blocks()
def touch():
    a, b = torch.ones(12 << 20), torch.ones(12 << 20)  # 48 MiB: more than glibc keeps by itself
for _ in range(15): touch()  # until the heap has found its shape
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc")
def test_a_block_that_is_freed_and_wanted_again_is_not_mapped_anew():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", TOUCH, how], capture_output=True, check=True, text=True).stdout)
        for how in ("keep", "leave")
    }
    assert faults["keep"] < 100 < faults["leave"]


def test_what_the_user_settled_stands(monkeypatch):
    from smalti.nn._allocator import keep_blocks

    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not keep_blocks.__wrapped__()
