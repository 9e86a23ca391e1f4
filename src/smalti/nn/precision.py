"""In which precision a device computes: what it has, and how a model is run in it.

What a device has is asked, never timed: two runs on one machine choose the same, however busy it is.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from smalti.nn.norm import ScaledUnitNorm

__all__ = [
    "DTYPES",
    "ExactLinear",
    "LastLinear",
    "Precision",
    "best_precision",
    "cast",
    "exact_parameters",
    "in_precision",
    "last_layers",
]

Precision = Literal["fp32", "bf16"]
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}
NORMS = (nn.LayerNorm, nn.GroupNorm, _BatchNorm)  # take bf16 tokens with fp32 weights, on a CPU; nn.RMSNorm warns


def best_precision(device: torch.device) -> tuple[Precision, str]:
    """bf16 where the device has instructions for it, else fp32; with the reason."""
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        has = cpu_has_bf16()
    else:
        return "fp32", f"bf16 is not used on {device.type}"
    where = "GPU" if device.type == "cuda" else "CPU"
    return ("bf16", f"this {where} has bf16") if has else ("fp32", f"this {where} has no bf16")


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies matrices in bf16 (AVX-512 BF16 or AMX); no where torch cannot tell."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch's own names, not promised to stay
    return any(getattr(torch.cpu, name, lambda: False)() for name in probes)


class ExactLinear(nn.Linear):
    """A linear layer that computes in the type of its weights, whatever comes in: where an answer may be a large number
    with a small meaning, as that of a model (a year, a price) or a bias on scores."""

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - torch says input
        """(..., in_features) to (..., out_features)."""
        with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):  # it does not know meta
            return F.linear(x.to(self.weight.dtype), self.weight, self.bias)


class LastLinear(ExactLinear):
    """The layer that gives the answers of a model; a distilled one has two."""


EXACT = (ExactLinear, ScaledUnitNorm)  # keep their weights in fp32 on every device


def last_layers(model: nn.Module) -> dict[str, LastLinear]:
    """The layers that give the answers of `model`, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LastLinear)}


def in_precision(model: nn.Module, precision: Precision) -> Callable[..., Any]:
    """`model` as a function of what it takes (images, ids), computed in `precision`. It takes and gives fp32, ids
    stay ids; the weights stay fp32, and gradients reach them.

    On a CPU the weights are rounded for the call and the tokens stay in bf16 from end to end: half the bytes and fewer
    calls than with autocast (docs/performance.md). Norms (`NORMS`) and exact layers, such as the last, stay in fp32;
    logits from the table that embeds (`heads.TiedLinear`) are a bf16 product, like that table. Other devices autocast.
    """
    if precision == "fp32":
        return model
    dtype, device = DTYPES[precision], next(model.parameters()).device
    exact = set(exact_parameters(model, device))

    def rounded(*inputs: Any) -> Any:
        weights = {name: p if name in exact else p.to(dtype) for name, p in model.named_parameters()}
        return cast(functional_call(model, weights, cast(inputs, dtype)), torch.float32)

    def autocast(*inputs: Any) -> Any:
        with torch.autocast(device.type, dtype):
            return cast(model(*inputs), torch.float32)

    return rounded if device.type == "cpu" else autocast


def cast(value: Any, dtype: torch.dtype) -> Any:
    """A tensor, or those in a tuple, in `dtype`; whole numbers, and what is no tensor, stay as they are."""
    if isinstance(value, tuple):
        return tuple(cast(one, dtype) for one in value)
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def exact_parameters(model: nn.Module, device: torch.device) -> Iterator[str]:
    """The names of the parameters that stay in fp32: those of exact layers, and of norms where the device has kernels
    for them beside bf16 tokens."""
    kinds = (*EXACT, *NORMS) if device.type == "cpu" else EXACT
    for prefix, module in model.named_modules():
        if isinstance(module, kinds):
            yield from (f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters(recurse=False))
