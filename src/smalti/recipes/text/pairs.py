"""Pairs of texts: the target of a source."""

import os
from dataclasses import dataclass
from typing import Any, Self

from torch import nn

from smalti.data.source import SPLITS
from smalti.data.split import Split
from smalti.data.text import Pairs, PairSource, open_pairs, split_texts, texts_of
from smalti.evaluate.language import Seq2SeqEvaluator, collect_tokens, seq2seq, seq2seq_metrics
from smalti.evaluate.metrics import Metric
from smalti.evaluate.outputs import device_of
from smalti.evaluate.translation import has_sacrebleu, translation_metrics
from smalti.objectives import Batch, Objective, Seq2Seq
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.tokens import SPECIALS, make_tokenizer
from smalti.sample import translate
from smalti.tokenizers import Tokenizer
from smalti.train.loop import Batches, Evaluator
from smalti.train.state import TrainState

__all__ = ["Translation"]

ROWS = 128  # pairs at a time, where nothing is learned
EXAMPLES = 12  # pairs in the report
LONGEST = 1000  # tokens of a target, of a model that names no limit


@dataclass(frozen=True)
class Translation:
    """Pairs and their split.

    Args:
        pairs: sources and targets.
        parts: which train, choose and judge.
        tokenizer: of both sides.
    """

    pairs: PairSource
    parts: Split
    tokenizer: Tokenizer
    task: str = "seq2seq"
    labels: tuple[str, ...] = ()
    unit: str = "pairs"

    @classmethod
    def open(
        cls, data: str | os.PathLike[str], task: str, tokens: TokensConfig, *, seed: int, tokenizer: Tokenizer | None
    ) -> Self:
        """As `open_system`."""
        pairs = open_pairs(data)
        parts, sources = split_texts(pairs.sources, seed=seed), texts_of(pairs.sources)
        if tokenizer is None:
            learned = [text for i in map(int, parts.train) for text in (sources[i], pairs.targets[i])]
            tokenizer = make_tokenizer(tokens, [*sources, *pairs.targets], learned, SPECIALS["seq2seq"])
        return cls(pairs, parts, tokenizer)

    @property
    def name(self) -> str:
        """What the person called the data."""
        return self.pairs.sources.name

    @property
    def sizes(self) -> dict[str, int]:
        """Pairs a split."""
        return {split: len(getattr(self.parts, split)) for split in SPLITS}

    @property
    def reason(self) -> str:
        """Why it is split so."""
        return self.parts.reason

    @property
    def found(self) -> dict[str, int]:
        """What the data says of the model."""
        return {"vocab_size": self.tokenizer.vocab_size}

    def fingerprint(self) -> str:
        """A digest of both sides."""
        return self.pairs.fingerprint()

    def batches(self, recipe: TextRecipe, model: nn.Module) -> Batches:
        """Shuffled training pairs of similar length."""
        return self.rows(model, "train", recipe.loop.batch_size, seed=recipe.seed, shuffle=True)

    def objective(self, recipe: TextRecipe, state: TrainState) -> Objective:
        """The target, token by token."""
        return Seq2Seq()

    def evaluator(self, recipe: TextRecipe, model: nn.Module) -> Evaluator:
        """Loss on validation pairs, or on those it learns from where there are none."""
        split = "val" if len(self.parts.val) else "train"
        return Seq2SeqEvaluator(self.rows(model, split, ROWS), precision=recipe.loop.precision)

    def measure(self, model: nn.Module, split: str) -> tuple[int, dict[str, Metric]]:
        """Whole targets right; BLEU and chrF of what the model writes, where sacrebleu is installed."""
        indices = getattr(self.parts, split)
        if not len(indices):
            return 0, {}
        outputs = collect_tokens(model, self.rows(model, split, ROWS), seq2seq)
        metrics = seq2seq_metrics(outputs)
        if has_sacrebleu():
            said = self.written(model, split)
            metrics |= translation_metrics(
                [said[int(i)] for i in indices], [self.pairs.targets[int(i)] for i in indices]
            )
        return len(indices), metrics

    def examples(self, model: nn.Module) -> list[tuple[str, str]]:
        """What it made of the first sources of the test."""
        texts, said = texts_of(self.pairs.sources), self.written(model, "test", EXAMPLES)
        lines = [f"{texts[i]}\n  {text}  (wanted: {self.pairs.targets[i]})" for i, text in said.items()]
        return [("What it makes of sources it had never seen", "\n".join(lines))] if lines else []

    def written(self, model: Any, split: str, count: int | None = None) -> dict[int, str]:
        """What the model makes of the sources of a split, or of the first of them, by their position."""
        start, end = self.tokenizer.special("start"), self.tokenizer.special("end")
        said: dict[int, str] = {}
        if not len(getattr(self.parts, split)):
            return said
        model.eval()
        for batch in self.rows(model, split, ROWS, count=count):
            found = translate(model, batch["source"], start=start, end=end, max_tokens=LONGEST)
            said |= dict(zip(batch["id"].tolist(), map(self.tokenizer.decode, found), strict=True))
        return said

    def describe(self, batch: Batch) -> str:
        """The lines."""
        return ", ".join(str(self.pairs.sources.names[i]) for i in batch["id"].tolist()[:4])

    def rows(self, model: Any, split: str, batch_size: int, *, count: int | None = None, **order: Any) -> Pairs:
        """The pairs of a split, or the first of them."""
        indices, width = getattr(self.parts, split)[:count], getattr(model.config, "max_len", None)
        options = {"batch_size": batch_size, "max_len": width, "device": device_of(model), **order}
        return Pairs(self.pairs, indices, self.tokenizer, **options)
