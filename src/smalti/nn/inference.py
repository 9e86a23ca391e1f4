"""From a trained module to the one that answers fastest here: the whole choice, on one page.

1. What is alike for every picture is computed once (`folded.folded`).
2. Precision: bf16 where the device has it (`precision.best_precision`) and this very model agrees in it with itself in
   fp32 on an example; else fp32.
3. On a CPU the linear layers are packed (`packed.packed`) where torch can; elsewhere the module is cast.
4. int8 never by itself: who names it hands in pictures to calibrate on (`int8.int8`), and judges the answers.

Which attention kernel runs is a matter of the call, not of the module: `attention.attend`.
"""

import logging
from typing import Literal

import torch
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.nn import _onednn
from smalti.nn._allocator import keep_blocks
from smalti.nn.folded import folded
from smalti.nn.int8 import int8
from smalti.nn.packed import lower, packed
from smalti.nn.precision import DTYPES, Precision, best_precision, cast, in_precision, last_layers

__all__ = ["disagreement", "for_inference"]

AGREEMENT = 0.05  # of the largest logit; bf16 keeps 8 bits, and 12 blocks of it stay within 0.02 of fp32

log = logging.getLogger(__name__)


def for_inference(
    module: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    precision: Precision | Literal["int8"] | None = None,
) -> nn.Module:
    """`module`, changed in place into what answers fastest on its device. It still takes and gives fp32.

    It cannot be trained, differentiated, saved or copied any more: read the model file again for that
    (`modelfile.read_model`). `module.dtype` is what it computes in.

    Args:
        module: images (B, C, H, W) to logits (B, K), or what else a model takes and gives.
        example: a few images, or a tuple of all it takes, on its device; for int8 those to calibrate on, 16 or more.
        precision: settles the precision; None chooses it, of fp32 and bf16.

    Raises:
        InputError: int8 where there is none.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    device = inputs[0].device
    if precision == "int8" and (device.type != "cpu" or not _onednn.int8_available()):
        raise InputError(f"this {device.type} or torch has no int8", mend="leave the precision to smalti")
    keep_blocks()
    module = folded(module.eval())
    if precision == "int8":
        precision, why = best_precision(device)
        module, why = int8(module, inputs[0], DTYPES[precision]), f"linear layers of blocks in int8; {why}"
        return finished(module, device, precision, why)
    if precision is None:
        precision, why = best_precision(device)
        if precision == "bf16" and (off := disagreement(module, *inputs)) > AGREEMENT:
            precision, why = "fp32", f"bf16 moves an output by {off:.0%} of the largest"
    else:
        why = "you named it"
    return finished(module, device, precision, why)


def finished(module: nn.Module, device: torch.device, precision: Precision, why: str) -> nn.Module:
    """`module` cast and packed, taking and giving fp32."""
    dtype = DTYPES[precision]
    module = packed(module, dtype) if device.type == "cpu" else lower(module, dtype)
    module.requires_grad_(False)
    module.dtype = dtype  # type: ignore[assignment]
    module.register_forward_pre_hook(lambda _, inputs: cast(inputs, dtype))
    module.register_forward_hook(lambda _, inputs, outputs: cast(outputs, torch.float32))
    log.info("inference in %s on %s: %s", precision, device, why)
    return module


@torch.inference_mode()
def disagreement(module: nn.Module, *example: Tensor) -> float:
    """By how much bf16 moves an output of `module` on `example`, relative to the largest output.

    Outputs count without the bias of the last layer, and each over the length of its row there: a year or a price owes
    its size to those two, not to the picture.
    """
    exact, rounded = (in_precision(module, precision)(*example) for precision in ("fp32", "bf16"))
    moved, size = rounded - exact, exact
    if last := next(iter(last_layers(module).values()), None):
        unit = last.weight.norm(dim=1).clamp(min=1e-12)
        moved, size = moved / unit, (size if last.bias is None else size - last.bias) / unit
    return (moved.abs().max() / size.abs().max().clamp(min=1e-6)).item()
