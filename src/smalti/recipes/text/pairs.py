"""Pairs of texts: the target of a source."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from torch import nn

from smalti.data.formats.columns import Columns
from smalti.data.text import Pairs, PairSource, open_pairs, split_texts, texts_of
from smalti.evaluate.classify import share
from smalti.evaluate.groups import Groups, groups_at, groups_of, in_groups
from smalti.evaluate.language import seq2seq_metrics
from smalti.evaluate.metrics import Metric
from smalti.evaluate.outputs import device_of
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.evaluate.token_evaluators import Seq2SeqEvaluator
from smalti.evaluate.token_outputs import collect_tokens
from smalti.evaluate.token_scores import seq2seq
from smalti.evaluate.translation import has_sacrebleu, translation_metrics
from smalti.objectives import Objective, TargetToken
from smalti.ready_text import write_targets
from smalti.recipes.recipe import Choice
from smalti.recipes.text.divided import Divided
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.tokens import SPECIALS, make_tokenizer
from smalti.tokenizers import Tokenizer
from smalti.train.loop import Batches, Evaluator
from smalti.train.state import TrainState

__all__ = ["Translation"]

ROWS = 128  # pairs at a time, where nothing is learned
EXAMPLES = 12  # pairs in the report


@dataclass(frozen=True)
class Translation(Divided):
    """Pairs and their split; the tokenizer is of both sides.

    Args:
        targets: a text for each of the sources.
    """

    targets: Sequence[str]
    task: str = "seq2seq"
    labels: tuple[str, ...] = ()
    unit: str = "pairs"

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
        pairs = open_pairs(data, columns=columns)
        parts, sources = split_texts(pairs.sources, seed=seed), texts_of(pairs.sources)
        if tokenizer is None:
            learned = [text for i in map(int, parts.train) for text in (sources[i], pairs.targets[i])]
            tokenizer = make_tokenizer(tokens, [*sources, *pairs.targets], learned, SPECIALS["seq2seq"])
        return cls(pairs.sources, parts, tokenizer, pairs.targets)

    @property
    def pairs(self) -> PairSource:
        """Sources and targets."""
        return PairSource(self.source, self.targets)

    @property
    def found(self) -> dict[str, int]:
        """What the data says of the model."""
        return {"vocab_size": self.tokenizer.vocab_size}

    @property
    def needed(self) -> int:
        """Tokens of the longest side of a pair."""
        return Pairs(self.pairs, self.parts.all, self.tokenizer, batch_size=1, known=self.known).longest

    def fingerprint(self) -> str:
        """A digest of both sides."""
        return self.pairs.fingerprint()

    def read(self, model: nn.Module, splits: Sequence[str]) -> tuple[Choice, ...]:
        """As `System`; there is nothing to tell, since no pair is cut."""
        for split in splits:
            if len(getattr(self.parts, split)):
                self.rows(model, split, 1)
        return ()

    def batches(self, recipe: TextRecipe, model: nn.Module) -> Batches:
        """Shuffled training pairs of similar length."""
        return self.rows(model, "train", recipe.loop.batch_size, seed=recipe.seed, shuffle=True)

    def objective(self, recipe: TextRecipe, state: TrainState) -> Objective:
        """The target, token by token."""
        return TargetToken()

    def evaluator(self, recipe: TextRecipe, model: nn.Module) -> Evaluator:
        """Loss on validation pairs, or on those it learns from where there are none."""
        split = "val" if len(self.parts.val) else "train"
        return Seq2SeqEvaluator(self.rows(model, split, ROWS), precision=recipe.loop.precision)

    def measure(self, model: nn.Module, split: str, *, beams: int = 1) -> TextEvaluation:
        """Whole targets right; BLEU and chrF of what the model writes, where sacrebleu is installed. With beams both
        are of what is found with so many."""
        indices = getattr(self.parts, split)
        if not len(indices):
            return TextEvaluation(0, {})
        outputs = collect_tokens(model, self.rows(model, split, ROWS), seq2seq)
        metrics = seq2seq_metrics(outputs, groups=groups_at(self.source, outputs.ids))
        if beams > 1 or has_sacrebleu():
            written = self.written(model, split, beams=beams)
            said, wanted = [written[int(i)] for i in indices], [self.targets[int(i)] for i in indices]
            groups = groups_at(self.source, indices)
            if beams > 1:
                metrics |= share_equal(said, wanted, groups_of(groups))
            metrics |= translation_metrics(said, wanted, groups=groups) if has_sacrebleu() else {}
        return TextEvaluation(len(indices), metrics)

    def examples(self, model: nn.Module) -> list[tuple[str, str]]:
        """What it made of the first sources of the test."""
        texts, said = texts_of(self.source), self.written(model, "test", EXAMPLES)
        lines = [f"{texts[i]}\n  {text}  (wanted: {self.targets[i]})" for i, text in said.items()]
        return [("What it makes of sources it had never seen", "\n".join(lines))] if lines else []

    def written(self, model: Any, split: str, count: int | None = None, *, beams: int = 1) -> dict[int, str]:
        """What the model makes of the sources of a split, or of the first of them, by their position."""
        said: dict[int, str] = {}
        if not len(getattr(self.parts, split)):
            return said
        model.eval()
        for batch in self.rows(model, split, ROWS, count=count):
            found = write_targets(model, self.tokenizer, batch["source"], beams)
            said |= dict(zip(batch["id"].tolist(), found, strict=True))
        return said

    def rows(self, model: Any, split: str, batch_size: int, *, count: int | None = None, **order: Any) -> Pairs:
        """The pairs of a split, or the first of them."""
        indices, width = getattr(self.parts, split)[:count], getattr(model.config, "max_len", None)
        options = {"batch_size": batch_size, "max_len": width, "device": device_of(model), **order}
        return Pairs(self.pairs, indices, self.tokenizer, known=self.known, **options)


def share_equal(said: Sequence[str], wanted: Sequence[str], groups: Groups) -> dict[str, Metric]:
    """How many texts are what was wanted."""
    equal = np.array([one == other for one, other in zip(said, wanted, strict=True)])
    return in_groups({"sequence_accuracy": share(equal, groups)}, groups)
