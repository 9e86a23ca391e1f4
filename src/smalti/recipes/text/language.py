"""Running text: each token from those before it, or hidden ones from those around them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from smalti.data.source import SPLITS
from smalti.data.text import Corpus, Streams, Windows, open_corpus
from smalti.evaluate.metrics import Metric
from smalti.objectives import Batch, CarriedNextToken, MaskedToken, NextToken, Objective
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.tokens import make_tokenizer
from smalti.tokenizers import Tokenizer
from smalti.train.loop import Batches, Evaluator
from smalti.train.state import TrainState

__all__ = ["Language"]

CARRIED = 128  # tokens through which gradients go back in a recurrent model, where nothing else is said


@dataclass(frozen=True)
class Language:
    """A running text as ids.

    Args:
        task: "next-token" or "masked-token".
        corpus: the text.
        tokenizer: gives the ids.
        ids: (T,) of each split.
    """

    task: str
    corpus: Corpus
    tokenizer: Tokenizer
    ids: Mapping[str, NDArray[np.int64]]
    labels: tuple[str, ...] = ()

    @classmethod
    def open(
        cls, data: str | os.PathLike[str], task: str, tokens: TokensConfig, *, seed: int, tokenizer: Tokenizer | None
    ) -> Self:
        """As `open_system`. The split is by position, whatever the seed."""
        corpus = open_corpus(data, raw=tokens.tokenizer == "bytes")
        specials = ("mask",) if task == "masked-token" else ()
        tokenizer = tokenizer or make_tokenizer(tokens, [corpus.text], [corpus.part("train")], specials)
        return cls(task, corpus, tokenizer, {split: tokenizer.encode(corpus.part(split)) for split in SPLITS})

    @property
    def name(self) -> str:
        """What the person called the data."""
        return self.corpus.name

    @property
    def sizes(self) -> dict[str, int]:
        """Tokens a split."""
        return {split: len(ids) for split, ids in self.ids.items()}

    @property
    def reason(self) -> str:
        """Where the text is cut."""
        return self.corpus.reason

    @property
    def found(self) -> dict[str, int]:
        """What the data says of the model."""
        return {"vocab_size": self.tokenizer.vocab_size}

    def fingerprint(self) -> str:
        """A digest of the text."""
        return self.corpus.fingerprint()

    def batches(self, recipe: TextRecipe, model: nn.Module) -> Batches:
        """Windows of the text; streams for a model that carries a memory from one to the next."""
        kind = Streams if is_recurrent(model) else Windows
        place, size = next(model.parameters()).device, recipe.loop.batch_size
        width = recipe.tokens.max_len or window(model)
        return kind(self.ids["train"], max_len=width, batch_size=size, seed=recipe.seed, device=place)

    def objective(self, recipe: TextRecipe, model: nn.Module, state: TrainState) -> Objective:
        """What comes next, or what is hidden."""
        if self.task == "masked-token":
            return MaskedToken(self.tokenizer.special("mask"), self.tokenizer.size, recipe.tokens.mask_share)
        return CarriedNextToken(state.memory) if is_recurrent(state.model) else NextToken()
