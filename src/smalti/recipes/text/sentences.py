"""Texts with a class each: the objective of pictures, behind another front."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from torch import nn

from smalti.data.formats.columns import Columns
from smalti.data.text import Sentences, open_sentences, split_texts, texts_of
from smalti.evaluate.evaluators import ClassifyEvaluator
from smalti.evaluate.groups import groups_at
from smalti.evaluate.outputs import collect, device_of, softmax
from smalti.evaluate.text_evaluation import TextEvaluation, measure_texts
from smalti.objectives import Objective
from smalti.recipes.assemble import target_objective
from smalti.recipes.recipe import Choice
from smalti.recipes.text.divided import Divided
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.tokens import SPECIALS, make_tokenizer
from smalti.tokenizers import Tokenizer
from smalti.train.loop import Batches, Evaluator
from smalti.train.state import TrainState

__all__ = ["Labelling"]


@dataclass(frozen=True)
class Labelling(Divided):
    """Texts, their classes, and their split."""

    task: str = "classify"
    unit: str = "texts"

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
        """As `open_system`."""
        source = open_sentences(data, raw=tokens.tokenizer == "bytes", columns=columns)
        parts, texts = split_texts(source, seed=seed), texts_of(source)
        if tokenizer is None:
            tokenizer = make_tokenizer(tokens, texts, [texts[i] for i in map(int, parts.train)], SPECIALS["classify"])
        return cls(source, parts, tokenizer)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""
        return self.source.labels

    @property
    def found(self) -> dict[str, int]:
        """What the data says of the model."""
        return {"vocab_size": self.tokenizer.vocab_size, "num_classes": len(self.labels)}

    @property
    def needed(self) -> int:
        """Tokens that a model reads of a text, for 95 % of the training texts to be read in full."""
        rows = Sentences(self.source, self.parts.train, self.tokenizer, batch_size=1, max_len=None, known=self.known)
        return int(np.quantile(rows.lengths, 0.95, method="higher"))

    def fingerprint(self) -> str:
        """A digest of texts, labels and splits."""
        return self.source.fingerprint

    def read(self, model: Any, splits: Sequence[str]) -> tuple[Choice, ...]:
        """As `System`; tells of texts that are cut."""
        rows = [self.rows(model, split, 1) for split in splits if len(getattr(self.parts, split))]
        cut, n, width = sum(some.cut for some in rows), sum(len(some.indices) for some in rows), model.config.max_len
        why = f"longer than the {width} tokens that are read; --set tokens.max_len=N trains a model that reads more"
        return (Choice("cut", f"{cut:,} of {n:,} texts", why),) if cut else ()

    def batches(self, recipe: TextRecipe, model: nn.Module) -> Batches:
        """Shuffled training texts of similar length."""
        return self.rows(model, "train", recipe.loop.batch_size, seed=recipe.seed, shuffle=True)

    def objective(self, recipe: TextRecipe, state: TrainState) -> Objective:
        """The loss of classes, as of pictures."""
        return target_objective(recipe.target, self.source, self.parts)

    def evaluator(self, recipe: TextRecipe, model: nn.Module) -> Evaluator:
        """Accuracy on validation texts, or on those it learns from where there are none."""
        batches = self.rows(model, "val" if len(self.parts.val) else "train", 256)
        return ClassifyEvaluator(batches, precision=recipe.loop.precision)

    def measure(self, model: nn.Module, split: str) -> TextEvaluation:
        """The figures of pictures, and the mistakes it was surest of."""
        if not len(getattr(self.parts, split)):
            return TextEvaluation(0, {}, self.labels)
        outputs = collect(model, self.rows(model, split, 256))
        texts = texts_of(self.source)
        judged = [texts[int(i)] for i in outputs.ids]
        probabilities, groups = softmax(outputs.logits), groups_at(self.source, outputs.ids)
        return measure_texts(probabilities, outputs.targets.astype("int64"), self.labels, judged, groups=groups)

    def examples(self, model: nn.Module) -> list[tuple[str, str]]:
        """None: it writes no text."""
        return []

    def rows(self, model: Any, split: str, batch_size: int, **order: Any) -> Sentences:
        """The texts of a split, cut to what the model takes."""
        indices, device = getattr(self.parts, split), device_of(model)
        options = {"batch_size": batch_size, "max_len": model.config.max_len, "device": device, **order}
        return Sentences(self.source, indices, self.tokenizer, known=self.known, **options)
