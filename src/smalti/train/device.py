"""Which device runs the model, and in which precision."""

import os
import platform
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


def best_precision(device: torch.device) -> tuple[Precision, str]:
    """bf16 where the device has instructions for it, else fp32; with the reason.

    What the device has, not how fast a product runs just now: two runs on one machine choose the same.
    """
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        has = _cpu_has_bf16()
    else:
        return "fp32", f"bf16 is not used on {device.type}"
    where = "GPU" if device.type == "cuda" else "CPU"
    return ("bf16", f"this {where} has bf16") if has else ("fp32", f"this {where} has no bf16")


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager:
    """The context in which forward passes run; weights, losses and optimiser states stay fp32."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def describe_device(device: torch.device) -> str:
    """One line for reports: "AMD EPYC, 2 threads" or "NVIDIA H200"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_name()}, {torch.get_num_threads()} threads"


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies matrices in bf16 (AVX-512 BF16 or AMX); no where torch cannot tell."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch's own names, not promised to stay
    return any(getattr(torch.cpu, name, lambda: False)() for name in probes)


def _cpu_name() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
