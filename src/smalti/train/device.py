"""Which device runs the model, and in which precision it pays to run there."""

import functools
import os
import platform
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from smalti.errors import InputError

__all__ = ["Precision", "autocast", "best_precision", "describe_device", "find_device"]

Precision = Literal["fp32", "bf16"]


def find_device(name: str | None = None) -> torch.device:
    """The device called `name`; without a name a GPU where there is one, else the CPU.

    Raises:
        InputError: there is no such device here.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # the device "meta" takes it but does not give it back
    except (RuntimeError, AssertionError) as error:
        raise InputError(f'device "{name}" is not available here', where="--device", mend="use --device cpu") from error
    return device


@functools.cache
def best_precision(device: torch.device) -> tuple[Precision, str]:
    """bf16 where a matrix product of a typical layer is 1.3 times as fast in it or more, else fp32; with the reason."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "this GPU has bf16") if fast else ("fp32", "this GPU has no bf16")
    if device.type != "cpu":
        return "fp32", f"bf16 is not used on {device.type}"
    ratio = _product_seconds(torch.float32) / _product_seconds(torch.bfloat16)
    return (
        "bf16" if ratio >= 1.3 else "fp32"
    ), f"bf16 matrix products run {ratio:.1f} times as fast as fp32 on this CPU"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager:
    """The context in which forward passes run; weights, losses and optimiser states stay fp32."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def describe_device(device: torch.device) -> str:
    """One line for reports: "AMD EPYC, 2 threads" or "NVIDIA H200"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_name()}, {torch.get_num_threads()} threads"


def _product_seconds(dtype: torch.dtype, tokens: int = 1024, width: int = 256, rounds: int = 6) -> float:
    """Seconds of the fastest of a few products (tokens, width) x (width, 4 width)."""
    a, b = torch.ones(tokens, width, dtype=dtype), torch.ones(width, 4 * width, dtype=dtype)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _cpu_name() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
