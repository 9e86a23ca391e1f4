"""A seeded input for each kind of model: what self-tests are answered for and multiply-adds are counted on."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["EXAMPLE_SEED", "example_images", "example_pair", "example_tokens"]

EXAMPLE_SEED = 20260101
TOKENS = 16  # of an example text, at most


def example_images(config: Any) -> tuple[Tensor]:
    """Images (1, C, H, W) of the right size."""
    return (torch.randn(1, config.in_chans, *config.size, generator=seeded()),)


def example_tokens(config: Any) -> tuple[Tensor]:
    """A text (1, N)."""
    return (tokens(config, seeded()),)


def example_pair(config: Any) -> tuple[Tensor, Tensor]:
    """A source (1, M) and a target (1, N)."""
    generator = seeded()
    return tokens(config, generator), tokens(config, generator)


def tokens(config: Any, generator: torch.Generator) -> Tensor:
    """Ids (1, N), as many as the model takes, up to 16."""
    return torch.randint(config.vocab_size, (1, min(config.max_len or TOKENS, TOKENS)), generator=generator)


def seeded() -> torch.Generator:
    """The same numbers each time."""
    return torch.Generator().manual_seed(EXAMPLE_SEED)
