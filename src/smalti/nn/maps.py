"""Who attends to whom: the attention of a model that runs, as maps."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from smalti.errors import InputError
from smalti.nn.attention import Attention
from smalti.nn.merge import MergingBlocks

__all__ = ["attention_maps"]


@contextmanager
def attention_maps(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collects the attention map (B, H, N, M) of every attention in `model` by module name while the context is open;
    of attention in windows those of all windows, (B * n, H, M, M).

    Each forward pass of this thread replaces the maps; what others do with the model meanwhile is theirs. They are
    fp32, computed beside the fast kernels, which stay in use:

        with attention_maps(model) as maps:
            logits = model(images)
        maps["blocks.0.attn"].mean(1)

    Raises:
        InputError: the model has no attention, merges tokens, or is compiled.
    """
    refuse_what_has_none(model)
    maps: dict[str, Tensor] = {}
    thread = threading.get_ident()

    def record(name: str) -> Callable[..., None]:
        # another thread may meet a hook that is being taken away, and then hands in no `kwargs`
        def hook(module: Attention, args: tuple[Tensor], kwargs: dict[str, Any] | None = None) -> None:
            if threading.get_ident() == thread:
                maps[name] = module.weights(*args, **(kwargs or {})).float()

        return hook

    handles = [
        module.register_forward_pre_hook(record(name), with_kwargs=True)
        for name, module in model.named_modules()
        if isinstance(module, Attention)
    ]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def refuse_what_has_none(model: nn.Module) -> None:
    """Raises InputError for a model that would give no maps."""
    if hasattr(model, "_orig_mod"):
        what = "a compiled model runs past those who watch it"
        raise InputError(what, mend="watch and call the model that was compiled, model._orig_mod")
    if any(isinstance(part, MergingBlocks) for part in model.modules()):
        raise InputError("a model that merges tokens has no attention maps", mend="take the model without merging")
    if not any(isinstance(part, Attention) for part in model.modules()):
        raise InputError(f"this {type(model).__name__} has no attention", mend="take a Transformer")
