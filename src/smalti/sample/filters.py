"""Which token comes next: rules as free functions of logits (B, V). What is ruled out becomes minus infinity."""

import torch
from torch import Tensor

from smalti.configs import demand

__all__ = ["check_filters", "choose", "draw", "keep_top_k", "keep_top_p"]


def choose(
    logits: Tensor, u: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """The next ids (B,): the likeliest at temperature 0, else drawn from what temperature, top-k and top-p, in this
    order, leave of the logits (B, V).

    Args:
        logits: in any precision.
        u: (B,) uniform numbers in [0, 1); equal logits and an equal number give an equal id.
        temperature: what logits are divided by; below 1 for the likelier, above 1 for variety.
        top_k: how many of the likeliest stay; None for all.
        top_p: the share of probability that stays (nucleus sampling); None for all.
    """
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits.double() / temperature
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    if top_p is not None:
        logits = keep_top_p(logits, top_p)
    return draw(logits, u)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """The k largest of logits (B, V), and those that equal the smallest of them (arXiv:1805.04833)."""
    least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """The fewest of logits (B, V) whose probabilities sum to `p` or more, from the likeliest on; of equal ones the
    lower ids first (arXiv:1904.09751)."""
    ranked, order = logits.double().sort(dim=-1, descending=True, stable=True)
    shares = ranked.softmax(-1)
    ahead = shares.cumsum(-1) - shares  # what those before sum to; 0 for the likeliest, which stays
    return logits.masked_fill(torch.empty_like(order, dtype=torch.bool).scatter_(-1, order, ahead >= p), -torch.inf)


def draw(logits: Tensor, u: Tensor) -> Tensor:
    """Ids (B,) of logits (B, V): where the summed probabilities first exceed the uniform numbers (B,)."""
    summed = logits.double().softmax(-1).cumsum(-1)
    return torch.searchsorted(summed, u.to(summed)[:, None] * summed[:, -1:], right=True)[:, 0]


def check_filters(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raises InputError where one is out of its range."""
    demand(0 <= temperature < float("inf"), "temperature", temperature, "a number of 0 or more")
    demand(top_k is None or top_k >= 1, "top_k", top_k, "1 or more, or none")
    demand(top_p is None or 0 < top_p <= 1, "top_p", top_p, "in (0, 1], or none")
