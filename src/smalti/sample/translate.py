"""The target of a source, token by token: each time the likeliest."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.sample.autoregressive import Generative, require_evaluation

__all__ = ["Translator", "longest_target", "translate"]


class Translator(Generative, Protocol):
    """A model that reads a source first."""

    def read(self, source: Tensor) -> Any:
        """Sources (B, M), padded with negative ids, to the memory from which a target begins."""
        ...


@torch.inference_mode()
def translate(model: Translator, source: Tensor, *, start: int, end: int, max_tokens: int) -> list[NDArray[np.int64]]:
    """The targets of sources (B, M), padded with -1 and where the model is; without start and end.

    Args:
        model: in evaluation mode.
        source: B texts.
        start: the id a target begins behind.
        end: the id that ends it.
        max_tokens: the longest target; of a model with a `max_len`, which the start counts for too, at most that.
    """
    require_evaluation(model)
    memory = model.read(source)
    ids = source.new_full((len(source),), start)
    said, live = [], torch.ones_like(ids, dtype=torch.bool)
    for _ in range(longest_target(model, max_tokens)):
        logits, memory = model.extend(ids[:, None], memory)
        ids = logits[:, -1].argmax(-1)
        live = live & (ids != end)
        if not live.any():
            break
        said.append(ids.where(live, -1))
    rows = torch.stack(said, 1).cpu().numpy() if said else np.empty((len(source), 0), np.int64)
    return [row[row >= 0] for row in rows]


def longest_target(model: Translator, max_tokens: int) -> int:
    """Tokens of a target at most; what a model with a `max_len` can write counts too."""
    max_len = getattr(model.config, "max_len", None)
    return max_tokens if max_len is None else min(max_tokens, max_len)
