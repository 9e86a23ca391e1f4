"""Which device runs the model."""

import os
import platform

import torch

from smalti.errors import InputError, counted

__all__ = ["describe_device", "find_device"]


def find_device(name: str | None = None) -> torch.device:
    """The device called `name`; without a name a CUDA GPU where there is one, else the CPU.

    Raises:
        InputError: there is no such device here.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # the device "meta" takes it but does not give it back
    except (RuntimeError, AssertionError) as error:
        raise InputError(f'device "{name}" is not available here', where="--device", mend="use --device cpu") from error
    return device


def describe_device(device: torch.device) -> str:
    """One line for reports: "AMD EPYC, 2 threads" or "NVIDIA H200"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_name()}, {counted(torch.get_num_threads(), 'thread')}"


def _cpu_name() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
