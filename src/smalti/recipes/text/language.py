"""Running text: each token from those before it, or hidden ones from those around them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from smalti.data.formats.columns import Columns, demand_no_columns
from smalti.data.source import SPLITS
from smalti.data.text import AllStreams, AllWindows, Corpus, Streams, Windows, open_corpus
from smalti.data.text.rows import encode_of
from smalti.errors import InputError, counted, few
from smalti.evaluate.language import language_metrics, masked_metrics
from smalti.evaluate.outputs import device_of
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.evaluate.token_evaluators import LanguageEvaluator
from smalti.evaluate.token_outputs import collect_tokens, rows_that_fit
from smalti.evaluate.token_scores import Carried, Masked, Score, next_token
from smalti.objectives import Batch, CarriedNextToken, MaskedToken, NextToken, Objective
from smalti.ready_text import TextModel
from smalti.recipes.recipe import Choice
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.tokens import SPECIALS, make_tokenizer
from smalti.tokenizers import Tokenizer
from smalti.train.loop import Batches, Evaluator
from smalti.train.state import TrainState

__all__ = ["Language"]

SAMPLE = 400  # tokens of the text in the report
CARRIED = 128  # tokens through which gradients go back in a recurrent model, where nothing else is said
ROWS = 64  # windows or streams at a time, where nothing is learned
CHOOSING = 100_000  # tokens of the validation text that choose a model: what more of it would say takes long to hear
PIECES = 50  # of the text that these are from


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
    ids: Mapping[str, NDArray[np.integer]]
    labels: tuple[str, ...] = ()
    needed: int = 0

    @classmethod
    def open(
        cls,
        data: str | os.PathLike[str],
        task: str,
        tokens: TokensConfig,
        *,
        columns: Columns | None,
        seed: int,
        tokenizer: Tokenizer | None,
    ) -> Self:
        """As `open_system`. The split is by position, whatever the seed."""
        demand_no_columns(columns, data)
        corpus = open_corpus(data, raw=tokens.tokenizer == "bytes")
        tokenizer = tokenizer or make_tokenizer(tokens, [corpus.text], [corpus.part("train")], SPECIALS[task])
        ids = {split: encode_of(tokenizer, corpus.part(split), f"{corpus.name}, {split}") for split in SPLITS}
        return cls(task, corpus, tokenizer, ids)

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
        """Where the text is cut, and what of the data is left out."""
        return "; ".join((self.corpus.reason, *self.corpus.notes))

    @property
    def is_given(self) -> bool:
        """Whether the files say what chooses or judges."""
        return self.corpus.given is not None

    @property
    def unit(self) -> str:
        """What an id stands for, several of them."""
        return f"{self.tokenizer.unit}s"

    @property
    def found(self) -> dict[str, int]:
        """What the data says of the model."""
        return {"vocab_size": self.tokenizer.vocab_size}

    def fingerprint(self) -> str:
        """A digest of the text."""
        return self.corpus.fingerprint()

    def read(self, model: nn.Module, splits: Sequence[str]) -> tuple[Choice, ...]:
        """As `System`; nothing is left out."""
        for split in splits:
            if split in self.ids and (n := len(self.ids[split])) < 2:
                where, why = f"{self.name}, {split}", f"it has {counted(n, 'token')}"
                raise InputError("there is nothing to predict", where=where, why=why, mend="give a longer text")
        return ()

    def rehearsal(self, split: str, model: Any) -> Self:
        """The same with few windows in a split: as many as a model judges at a time."""
        width = longest(model)
        end = width * rows_that_fit(ROWS, width, model.config.vocab_size) + 1
        return replace(self, ids={**self.ids, split: self.ids[split][:end]})

    def batches(self, recipe: TextRecipe, model: nn.Module) -> Batches:
        """Windows of the text; streams for a model that carries a memory from one to the next."""
        kind = Streams if carries(model) else Windows
        width = recipe.tokens.max_len or longest(model)
        place, size = device_of(model), recipe.loop.batch_size
        return kind(self.ids["train"], max_len=width, batch_size=size, seed=recipe.seed, device=place)

    def objective(self, recipe: TextRecipe, state: TrainState) -> Objective:
        """What comes next, or what is hidden."""
        if self.task == "masked-token":
            return MaskedToken(self.tokenizer.special("mask"), self.tokenizer.size, recipe.tokens.mask_share)
        model: Any = state.model
        return CarriedNextToken(state.memory, model.start()) if carries(model) else NextToken()  # type: ignore[return-value]

    def evaluator(self, recipe: TextRecipe, model: nn.Module) -> Evaluator:
        """The loss on the validation text, or on pieces from all over it where it is long."""
        pieces, score = self.pieces(model, some_of(self.ids["val"])), self.score(model, recipe.tokens.mask_share)
        return LanguageEvaluator(pieces, score, precision=recipe.loop.precision)

    def measure(self, model: nn.Module, split: str) -> TextEvaluation:
        """Loss, bits and perplexity of every token but the first; of the hidden ones in masked-token."""
        ids = self.part(split)
        pieces = self.pieces(model, ids)
        outputs = collect_tokens(model, pieces, self.score(model))
        if self.task == "masked-token":
            metrics = masked_metrics(outputs)
        else:
            metrics = language_metrics(outputs, self.tokenizer, ids, context=pieces.context)
        return TextEvaluation(int(outputs.counts.sum()), metrics)

    def examples(self, model: nn.Module) -> list[tuple[str, str]]:
        """A text that the model wrote, where it does."""
        if self.task != "next-token":
            return []
        writer = TextModel(model, self.task, (), self.tokenizer)
        return [("A text that it wrote, temperature 0.8", writer.sample(max_tokens=SAMPLE)[0])]

    def describe(self, batch: Batch) -> str:
        """Where the windows begin."""
        return f"windows that begin at token {few(map(str, batch['id'].tolist()))}"

    def part(self, split: str) -> NDArray[np.integer]:
        """The ids of a split, or of "all" of the text, in its order."""
        return encode_of(self.tokenizer, self.corpus.text, self.name) if split == "all" else self.ids[split]

    def pieces(self, model: Any, ids: NDArray[np.integer]) -> AllWindows | AllStreams:
        """All of a part, in order."""
        if carries(model):
            return AllStreams(ids, max_len=CARRIED, batch_size=ROWS)
        width = longest(model)
        return AllWindows(ids, max_len=width, batch_size=rows_that_fit(ROWS, width, model.config.vocab_size))

    def score(self, model: Any, share: float = 0.15) -> Score:
        """What is asked of the model."""
        if self.task == "masked-token":
            return Masked(self.tokenizer.special("mask"), self.tokenizer.size, share)
        return Carried(model.start()) if carries(model) else next_token


def carries(model: nn.Module) -> bool:
    """Whether a model reads a text of any length, by a memory of fixed size."""
    return not hasattr(model.config, "max_len")


def some_of(ids: NDArray[np.integer]) -> NDArray[np.integer]:
    """The ids (T,) of a text, or the beginnings of its fiftieths where these are enough to choose a model by."""
    if len(ids) <= CHOOSING:
        return ids
    return np.concatenate([piece[: CHOOSING // PIECES] for piece in np.array_split(ids, PIECES)])


def longest(model: Any) -> int:
    """Tokens the model sees at once."""
    return getattr(model.config, "max_len", CARRIED)
