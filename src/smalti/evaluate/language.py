"""How well does a model of text predict tokens? Every figure with its interval, by blocks or groups (token_outputs.py).

Legend: T tokens of a text, W pieces of text: windows, or the targets of pairs.
"""

import math

import numpy as np
from numpy.typing import NDArray

from smalti.evaluate.classify import share
from smalti.evaluate.groups import Groups, design_effect, groups_of, in_groups
from smalti.evaluate.intervals import Floats, Z, wilson
from smalti.evaluate.metrics import Metric
from smalti.evaluate.token_outputs import TokenOutputs
from smalti.tokenizers import Tokenizer

__all__ = ["language_metrics", "masked_metrics", "seq2seq_metrics"]


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
