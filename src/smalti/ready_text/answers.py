"""What a model of text answers, a way for each task: classes, masks filled in, what comes next, targets.

Legend: B texts, N tokens, D width, V vocabulary, K answers to choose from.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from smalti.sample import beam_search, translate
from smalti.tokenizers import Tokenizer

__all__ = ["ANSWERS", "classes", "fillings", "nexts", "targets", "write_targets"]

LONGEST = 1000  # tokens of a target, of a model that names no limit

# in words, its probability (None of a target), and the likeliest ones, best first
Answer = tuple[str, float | None, tuple[tuple[str, float], ...]]


class Asked(Protocol):
    """The model that is asked: a `TextModel`."""

    module: Any
    labels: tuple[str, ...]
    tokenizer: Tokenizer


@torch.inference_mode()
def classes(model: Asked, tokens: Tensor, top: int) -> Iterator[Answer]:
    """The likeliest classes of texts (B, N)."""
    for shares in model.module(tokens).float().softmax(-1).cpu():
        likeliest = named(shares, top, model.labels.__getitem__)
        yield *likeliest[0], likeliest


@torch.inference_mode()
def fillings(model: Asked, tokens: Tensor, top: int) -> Iterator[Answer]:
    """Texts (B, N) with their masks filled in by what is likeliest for each alone."""
    tokenizer = model.tokenizer
    shares = without_specials(model.module(tokens), tokenizer)
    for row, ids in zip(shares, tokens.cpu(), strict=True):
        masks = (ids == tokenizer.special("mask")).nonzero()[:, 0]
        sure, filled = row[masks].max(-1)
        yield (
            tokenizer.decode(ids.index_copy(0, masks, filled).numpy()),
            sure.min().item(),
            named(row[masks[0]], top, lambda i: tokenizer.decode([i])),
        )


@torch.inference_mode()
def nexts(model: Asked, tokens: Tensor, top: int) -> Iterator[Answer]:
    """What may come next behind texts (B, N)."""
    last = (tokens >= 0).sum(1) - 1
    behind = model.module.forward_features(tokens)[torch.arange(len(last)), last]  # (B, D): a vocabulary may be large
    for row in without_specials(model.module.forward_head(behind), model.tokenizer):
        likeliest = named(row, top, lambda i: model.tokenizer.decode([i]))
        yield *likeliest[0], likeliest


def targets(model: Asked, tokens: Tensor, top: int, *, beams: int = 1) -> Iterator[Answer]:
    """The targets of sources (B, N)."""
    for text in write_targets(model.module, model.tokenizer, tokens, beams):
        yield text, None, ()


def write_targets(module: Any, tokenizer: Tokenizer, sources: Tensor, beams: int = 1) -> list[str]:
    """The targets of sources (B, N), greedily or with as many beams."""
    options = {"start": tokenizer.special("start"), "end": tokenizer.special("end"), "max_tokens": LONGEST}
    way = translate if beams == 1 else partial(beam_search, beams=beams)
    return [tokenizer.decode(ids) for ids in way(module, sources, **options)]


def without_specials(logits: Tensor, tokenizer: Tokenizer) -> Tensor:
    """Probabilities (..., ordinary ids) of logits (..., V), on the CPU."""
    return logits[..., : tokenizer.size].float().softmax(-1).cpu()


def named(shares: Tensor, top: int, name: Any) -> tuple[tuple[str, float], ...]:
    """The `top` largest of shares (K,), by name."""
    values, places = shares.topk(min(top, len(shares)))
    return tuple((name(i), value) for i, value in zip(places.tolist(), values.tolist(), strict=True))


ANSWERS = {"classify": classes, "masked-token": fillings, "next-token": nexts}
