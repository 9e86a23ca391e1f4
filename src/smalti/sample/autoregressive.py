"""Continuing texts token by token."""

from collections.abc import Container, Iterator, Sequence
from itertools import count, islice
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from smalti.configs import demand
from smalti.data.randomness import uniforms
from smalti.errors import InputError
from smalti.sample.filters import check_filters, choose

__all__ = ["Generative", "generate", "left_padded", "require_evaluation"]


_BLOCK = 64  # steps whose numbers are made at once


class Generative(Protocol):
    """A model that goes on from a memory of what it has read; `config.max_len` limits it, None or none does not."""

    training: bool
    config: Any

    def extend(self, tokens: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Tokens (B, n) to logits (B, n, V) and the memory behind them; negative tokens are padding."""
        ...


def generate(
    model: Generative,
    prompts: Sequence[ArrayLike],
    *,
    max_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    first: int = 0,
    stop: Container[int] = (),
    device: torch.device | str = "cpu",
) -> Iterator[NDArray[np.int64]]:
    """Continues B prompts, and yields the next ids (B,) as they come; -1 for a text that has ended.

    What is drawn for a text is a function of seed, its number and its own tokens: texts in one batch know nothing of
    each other.

    A model with a `max_len` reads a text that has grown longer anew from the last half of it on, so every token rests
    on at least max_len / 2 tokens, and on average a token costs the reading of one more. Of a longer prompt the last
    max_len tokens are read.

    Args:
        model: in evaluation mode.
        prompts: B texts of one or more ids.
        max_tokens: how many follow at most.
        temperature: of `choose`; 0 always takes the likeliest.
        top_k: of `choose`.
        top_p: of `choose`.
        seed: of what is drawn.
        first: the number of the first text, where a large sample is drawn batch by batch.
        stop: ids that end a text; they are yielded.
        device: where the model is.

    Raises:
        InputError: a prompt is empty, or a number is out of its range.
    """
    check_filters(temperature, top_k, top_p)
    demand(max_tokens >= 0, "max_tokens", max_tokens, "0 or more")
    require_evaluation(model)
    texts = [np.asarray(prompt, np.int64).reshape(-1) for prompt in prompts]
    if not texts or not all(map(len, texts)):
        raise InputError("a prompt without a token cannot be continued", mend="give one character or more")
    rows = np.arange(first, first + len(texts))
    numbers = islice(_numbers(seed, rows, torch.device(device)), max_tokens)
    manner = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    reader = _Reader(model, texts, torch.device(device))
    return _ended(_continued(reader, numbers, manner), stop, len(texts))


def _numbers(seed: int, rows: NDArray[np.int64], device: torch.device) -> Iterator[Tensor]:
    """Uniform numbers (B,) for one step after the other, without end."""
    for block in count():
        yield from uniforms(seed, block, rows, _BLOCK, purpose="sample").to(device).unbind(1)


def _continued(reader: "_Reader", numbers: Iterator[Tensor], manner: dict[str, Any]) -> Iterator[NDArray[np.int64]]:
    """As many tokens of each text as there are numbers."""
    ids = None
    for u in numbers:
        if ids is not None:  # not before the next token is asked for
            reader.extend(ids)
        ids = choose(reader.logits, u, **manner)
        yield ids.cpu().numpy()


def _ended(steps: Iterator[NDArray[np.int64]], stop: Container[int], texts: int) -> Iterator[NDArray[np.int64]]:
    """-1 for each text behind its first id in `stop`; nothing more when all have ended."""
    live = np.ones(texts, bool)
    for ids in steps:
        yield np.where(live, ids, -1)
        live &= [i not in stop for i in ids.tolist()]
        if not live.any():
            return


class _Reader:
    """B texts and what the model says comes behind them.

    Each text has a length of its own that the model sees of it, so that a text is cut when it is too long itself, and
    not when another one in the batch is.
    """

    def __init__(self, model: Generative, texts: list[NDArray[np.int64]], device: torch.device) -> None:
        self.model, self.device = model, device
        self.max_len: int | None = getattr(model.config, "max_len", None)
        self.texts = [text.tolist() for text in texts]
        self.seen = [len(text) if self.max_len is None else min(len(text), self.max_len) for text in texts]
        self.logits = self._read()  # (B, V)

    @torch.inference_mode()
    def extend(self, ids: Tensor) -> None:
        """Takes in one more id (B,) of each text."""
        for text, i in zip(self.texts, ids.tolist(), strict=True):
            text.append(i)
        self.seen = [n + 1 for n in self.seen]
        if self.max_len is not None and max(self.seen) > self.max_len:
            self.seen = [n if n <= self.max_len else max(1, self.max_len // 2) for n in self.seen]
            self.logits = self._read()
        else:
            logits, self.memory = self.model.extend(ids[:, None], self.memory)
            self.logits = logits[:, -1]

    @torch.inference_mode()
    def _read(self) -> Tensor:
        tokens = left_padded([text[-n:] for text, n in zip(self.texts, self.seen, strict=True)])
        logits, self.memory = self.model.extend(tokens.to(self.device), None)
        return logits[:, -1]


def left_padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """B rows of ids to (B, N) int64, N that of the longest; -1 before the shorter ones."""
    longest = max(map(len, rows))
    return torch.tensor([[-1] * (longest - len(row)) + list(row) for row in rows])


def require_evaluation(model: Any) -> None:
    """Raises InputError where a model is in training mode, in which it would draw with dropout."""
    if model.training:
        raise InputError("the model is in training mode", mend="call model.eval() before drawing from it")
