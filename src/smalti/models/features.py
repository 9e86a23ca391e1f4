"""What goes on inside a model: the outputs of its blocks, for dense tasks, probes and pictures."""

import math
import threading
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from smalti.errors import InputError
from smalti.nn import Block, WindowAttention
from smalti.nn.merge import MergingBlocks
from smalti.nn.precision import cast

__all__ = ["intermediates"]


def intermediates(
    model: nn.Module,
    images: Tensor,
    *,
    blocks: Sequence[int] | None = None,
    norm: bool = False,
    maps: bool = True,
) -> list[Tensor]:
    """The outputs of some blocks of a ViT, DeiT, BEiT, Swin, GPT or BERT, or stages of a convolutional network, in the
    order asked for.

    Gradients flow where they are on. Outputs are of the type of the images; a model made ready for inference takes fp32
    as it does elsewhere. Those for a text are of the type the model computes in. A FlexiViT that trains gives a map of
    the grid it has drawn.

    Args:
        model: plain, or from `nn.inference.for_inference`.
        images: (B, C, H, W), normalised; for a text its ids (B, N).
        blocks: their numbers, negative ones from the end; None for all. Those of Swin are counted through its stages.
        norm: send each through the norm behind the last block (Swin: where it is as wide as the last stage);
            convolutional networks have none.
        maps: a map (B, D, h, w) of the patches; else all tokens (B, N, D), prefix first, which is all a text has.

    Raises:
        InputError: the model has no such blocks, merges tokens, or is to give maps of a text.
    """
    if any(isinstance(part, MergingBlocks) for part in model.modules()):
        raise InputError("a model that merges tokens has no maps inside", mend="take the model without merging")
    if maps and hasattr(model, "token_embed"):
        raise InputError("a text has no maps", mend="ask for its tokens with maps=False")
    found = getattr(model, "stages", None) or [part for part in model.modules() if type(part) is Block]
    chosen = range(len(found)) if blocks is None else blocks
    wrong = [number for number in chosen if not -len(found) <= number < len(found)]
    if wrong or not found:
        what = f"this {type(model).__name__} has {len(found)} blocks" + (f", so no block {wrong[0]}" if wrong else "")
        raise InputError(what, mend=f"number them from 0 to {len(found) - 1}" if found else "use one that has")
    outputs: dict[nn.Module, Tensor] = {}
    thread = threading.get_ident()

    def keep(block: nn.Module, _: tuple[Any, ...], tokens: Tensor) -> None:
        if threading.get_ident() == thread:  # what others do with the model meanwhile is theirs
            outputs[block] = tokens

    hooks = [found[number].register_forward_hook(keep) for number in set(chosen)]
    trunk: Any = model
    try:
        last = trunk.forward_features(cast(images, getattr(model, "dtype", images.dtype)))
    finally:
        for hook in hooks:
            hook.remove()
    results = []
    for number in chosen:
        block, output = found[number], outputs[found[number]]
        if isinstance(block, Block):
            if norm and output.shape[-1] == last.shape[-1]:
                output = trunk.norm(output)
            output = as_map(trunk, block, output) if maps else output
        elif not maps:
            output = output.flatten(2).transpose(1, 2)
        results.append(output.to(images.dtype) if images.is_floating_point() else output)
    return results


def as_map(model: Any, block: Block, tokens: Tensor) -> Tensor:
    """The output (B, N, D) of a block of `model` as a map (B, D, h, w) of the patches."""
    h, w = block.attn.grid_size if isinstance(block.attn, WindowAttention) else model.grid_size
    patches = tokens[:, getattr(model, "num_prefix_tokens", 0) :].transpose(1, 2)  # (B, D, N)
    rows = math.isqrt(patches.shape[2] * h // w)  # h, but for a FlexiViT that drew another grid of that shape
    return patches.unflatten(2, (rows, -1))
