"""What the training loop asks of a model of text after each validation pass (evaluators.py)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from torch import nn

from smalti.data.batches import Batch
from smalti.evaluate.evaluators import Best
from smalti.evaluate.token_outputs import TokenOutputs, collect_tokens
from smalti.evaluate.token_scores import Score, next_token, seq2seq
from smalti.nn.precision import Precision

__all__ = ["LanguageEvaluator", "Seq2SeqEvaluator"]


@dataclass(frozen=True)
class LanguageEvaluator:
    """For the loop: "loss" in nats per token and its standard error, and "accuracy".

    Args:
        batches: evaluation batches, iterated anew at each call.
        score: what is asked of the model.
        precision: to compute in.
    """

    best: ClassVar[Best] = ("loss", "min")

    batches: Iterable[Batch]
    score: Score = next_token
    precision: Precision = field(default="fp32", kw_only=True)

    def __call__(self, model: nn.Module) -> Iterator[tuple[str, float]]:
        """Yields loss, accuracy and loss_error of `model`."""
        yield from self._figures(collect_tokens(model, self.batches, self.score, precision=self.precision))

    def _figures(self, outputs: TokenOutputs) -> Iterator[tuple[str, float]]:
        yield "loss", outputs.loss
        yield "accuracy", outputs.accuracy
        yield "loss_error", outputs.error(outputs.losses)


@dataclass(frozen=True)
class Seq2SeqEvaluator(LanguageEvaluator):
    """The same of `Pairs`, and "sequence_accuracy", the share of targets that are told without a mistake.

    No target has to be written for it: a greedy answer is right in whole exactly if each of its tokens is the likeliest
    one behind the right tokens before it.
    """

    score: Score = seq2seq

    def _figures(self, outputs: TokenOutputs) -> Iterator[tuple[str, float]]:
        yield from super()._figures(outputs)
        yield "sequence_accuracy", outputs.whole
