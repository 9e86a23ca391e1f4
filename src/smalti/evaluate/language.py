"""How well a model of text predicts tokens. Every figure with its interval.

Neighbouring pieces of a text are alike, so its tokens are no independent samples. An interval therefore rests on up to
50 blocks of neighbouring pieces, each far longer than what makes neighbours alike (batch means, Schmeiser 1982); where
pieces are in groups, as pairs may be, on these (groups.py).

Legend: B rows a batch, N tokens, V vocabulary, W pieces of text: windows, or the targets of pairs.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from smalti.data.batches import Batch
from smalti.data.randomness import uniforms
from smalti.errors import InputError
from smalti.evaluate.classify import share
from smalti.evaluate.evaluators import Best
from smalti.evaluate.groups import Groups, design_effect, groups_of, in_groups
from smalti.evaluate.intervals import Floats, Z, wilson
from smalti.evaluate.metrics import Metric
from smalti.evaluate.outputs import device_of, evaluating
from smalti.nn.precision import Precision, in_precision
from smalti.objectives import hide
from smalti.tokenizers import Tokenizer

__all__ = [
    "Carried",
    "LanguageEvaluator",
    "Masked",
    "Score",
    "Seq2SeqEvaluator",
    "TokenOutputs",
    "collect_tokens",
    "language_metrics",
    "masked_metrics",
    "next_token",
    "rows_that_fit",
    "seq2seq",
    "seq2seq_metrics",
]

BLOCKS = 50
LOGITS = 1 << 26  # numbers at once; in fp32 a quarter of a gigabyte, of which a few copies are made

Score = Callable[[Any, Batch], tuple[Tensor, Tensor]]  # model and batch to logits (B, N, V) and targets (B, N)


def rows_that_fit(most: int, num_tokens: int, vocab_size: int) -> int:
    """How many texts of so many tokens go through a model at a time: up to `most`, fewer where the vocabulary is large,
    one at least."""
    return max(1, min(most, LOGITS // (num_tokens * vocab_size)))


def next_token(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """What a model of `NextToken` says of tokens and target (B, N)."""
    return model(batch["tokens"]), batch["target"]


def seq2seq(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """What a model of `TargetToken` says of source (B, M), tokens and target (B, N)."""
    return model(batch["source"], batch["tokens"]), batch["target"]


class Carried:
    """What a model of `CarriedNextToken` says of the batches of `AllStreams`, in their order.

    Args:
        start: (L, 1, D), the memory of a stream that begins.
    """

    def __init__(self, start: Tensor) -> None:
        self.memory = self.start = start

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Tokens and target (B, N), and fresh (B,), True in the first batch."""
        tokens = batch["tokens"]
        before = self.start.repeat(1, len(tokens), 1) if batch["fresh"].all() else self.memory
        logits, self.memory = model(tokens, before)
        return logits, batch["target"]


@dataclass(frozen=True)
class Masked:
    """What a model of `MaskedToken` says of tokens (B, N). Which are hidden, as in training, is a function of the
    seed and the id of the row: the same in every evaluation.

    Args:
        mask_id: as in `MaskedToken`.
        vocab_size: likewise.
        share: likewise.
        seed: of what is hidden.
    """

    mask_id: int
    vocab_size: int
    share: float = 0.15
    seed: int = 0

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Tokens (B, N) and id (B,)."""
        tokens = batch["tokens"]
        draws = uniforms(self.seed, 0, batch["id"].cpu(), tokens.shape[1] * 3, purpose="hide").to(tokens.device)
        shown, masked = hide(tokens, draws.view(*tokens.shape, 3), self.mask_id, self.vocab_size, self.share)
        return model(shown), tokens.masked_fill(~masked, -1)


@dataclass(frozen=True)
class TokenOutputs:
    """What a model makes of W pieces of text.

    Args:
        losses: (W,) nats, summed over the tokens of the piece.
        right: (W,) tokens for which the right one was the likeliest.
        counts: (W,) tokens to predict.
        ids: (W,) where the piece stands.
    """

    losses: Floats
    right: Floats
    counts: Floats
    ids: NDArray[np.int64]

    @property
    def loss(self) -> float:
        """Nats per token."""
        return float(self.losses.sum() / self.counts.sum())

    @property
    def accuracy(self) -> float:
        """Share of the tokens told right."""
        return float(self.right.sum() / self.counts.sum())

    @property
    def whole(self) -> float:
        """Share of the pieces of which every token was told right."""
        return float((self.right == self.counts).mean())

    def error(self, sums: Floats, groups: Groups = None) -> float:
        """The standard error of `sums` (W,) per token, from groups (W,) of pieces or else from blocks of neighbouring
        ones; NaN for a single piece."""
        count, influence = len(self.ids), self.influence(sums)
        if count < 2:
            return math.nan
        if groups is None:
            count, order = min(BLOCKS, count), np.argsort(self.ids, kind="stable")
            influence = np.add.reduceat(influence[order], np.arange(count) * len(order) // count)
        effect = design_effect(influence, groups)
        return float(np.sqrt(effect * count / (count - 1) * (influence**2).sum()) / self.counts.sum())

    def influence(self, sums: Floats) -> Floats:
        """What each piece (W,) has to do with `sums` (W,) per token, up to a factor."""
        return sums - sums.sum() / self.counts.sum() * self.counts


def collect_tokens(
    module: nn.Module, batches: Iterable[Batch], score: Score = next_token, *, precision: Precision = "fp32"
) -> TokenOutputs:
    """Runs `module` over `batches` without gradients, in evaluation mode; the mode it was in comes back.

    Args:
        module: stays on the device it is on.
        batches: `AllWindows`, `AllStreams` or `Pairs`.
        score: what is asked of the model.
        precision: to compute in; losses are in fp32.

    Raises:
        InputError: there is nothing to predict.
    """
    place, rows = device_of(module), []
    with evaluating(module):
        model = in_precision(module, precision)
        for batch in batches:
            batch = {name: tensor.to(place, non_blocking=True) for name, tensor in batch.items()}
            logits, target = score(model, batch)  # (B, N, V), (B, N)
            flat = F.cross_entropy(
                logits.flatten(0, 1).float(), target.flatten().clamp(min=-1), ignore_index=-1, reduction="none"
            )
            losses = flat.view_as(target)
            right, real = (logits.argmax(-1) == target) & (target >= 0), target >= 0
            rows.append(torch.stack([x.double().sum(1) for x in (losses, right, real)] + [batch["id"].double()]).cpu())
    losses, right, counts, ids = torch.cat(rows, 1).numpy() if rows else np.zeros((4, 0))
    if not counts.sum():
        raise InputError("there is no token to predict", mend="give a longer text")
    return TokenOutputs(losses, right, counts, ids.astype(np.int64))


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


def language_metrics(
    outputs: TokenOutputs, tokenizer: Tokenizer, ids: NDArray[np.integer], *, context: str = ""
) -> dict[str, Metric]:
    """The figures of a model of the next token.

    Args:
        outputs: of every token of a text but the first, as from `AllWindows` and `AllStreams`.
        tokenizer: of the text.
        ids: (T,) the text.
        context: what a token has before it, for the note (`AllWindows.context`).

    Returns:
        loss, in nats per token; perplexity; bits_per_character and bits_per_byte, which compare across tokenizers;
        accuracy.
    """
    loss = _per_token(outputs, outputs.losses, note="; ".join(filter(None, [f"nats per {tokenizer.unit}", context])))
    nats_per_bit = math.log(2)
    tokens = outputs.counts.sum()
    characters, size = len(tokenizer.decode(ids[1:])), len(tokenizer.to_bytes(ids[1:]))
    return {
        "loss": loss,
        "perplexity": perplexity(loss),
        "bits_per_character": _scaled(loss, tokens / characters / nats_per_bit),
        "bits_per_byte": _scaled(loss, tokens / size / nats_per_bit),
        "accuracy": _token_accuracy(outputs),
    }


def masked_metrics(outputs: TokenOutputs) -> dict[str, Metric]:
    """The figures of a model of hidden tokens: loss in nats per hidden token, perplexity, masked_accuracy."""
    loss = _per_token(outputs, outputs.losses, note="nats per hidden token")
    return {"masked_accuracy": _token_accuracy(outputs), "loss": loss, "perplexity": perplexity(loss)}


def seq2seq_metrics(outputs: TokenOutputs, *, groups: NDArray[np.integer] | None = None) -> dict[str, Metric]:
    """The figures of a model of pairs: sequence_accuracy, the share of greedy answers without a mistake; and of each
    token behind the right ones before it token_accuracy, loss in nats and perplexity. Of groups (W,) of pairs, such as
    documents, the intervals know."""
    groups = groups_of(groups)
    loss = _per_token(outputs, outputs.losses, groups, note="nats per token of the target")
    metrics = {
        "sequence_accuracy": share(outputs.right == outputs.counts, groups),
        "token_accuracy": _token_accuracy(outputs, groups),
        "loss": loss,
        "perplexity": perplexity(loss),
    }
    return in_groups(metrics, groups)


def perplexity(loss: Metric) -> Metric:
    """The number of equally likely tokens that would surprise as much: e to the loss."""
    low, high = (None if x is None else math.exp(min(x, 700)) for x in (loss.low, loss.high))
    return Metric(math.exp(min(loss.value, 700)), low, high, loss.n, share=False)


def _per_token(outputs: TokenOutputs, sums: Floats, groups: Groups = None, *, note: str) -> Metric:
    value, error = float(sums.sum() / outputs.counts.sum()), Z * outputs.error(sums, groups)
    ends = (None, None) if math.isnan(error) else (max(0.0, value - error), value + error)
    return Metric(value, *ends, int(outputs.counts.sum()), share=False, note=note)


def _scaled(loss: Metric, factor: float) -> Metric:
    low, high = (None if x is None else x * factor for x in (loss.low, loss.high))
    return Metric(loss.value * factor, low, high, loss.n, share=False)


def _token_accuracy(outputs: TokenOutputs, groups: Groups = None) -> Metric:
    """By blocks or groups, and never narrower than Wilson's interval of independent tokens (as many as those in groups
    are worth), which leaves room for mistakes where none was made."""
    value, n = outputs.accuracy, int(outputs.counts.sum())
    low, high = map(float, wilson(value, n / design_effect(outputs.influence(outputs.right), groups)))
    error = Z * outputs.error(outputs.right, groups)
    if not math.isnan(error):
        low, high = max(0.0, min(low, value - error)), min(1.0, max(high, value + error))
    return Metric(value, low, high, n)
