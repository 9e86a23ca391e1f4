"""How well a model of text tells each token, collected once; every figure of its evaluation is made from it.

Neighbouring pieces of a text are alike, so its tokens are no independent samples. An interval therefore rests on up to
50 blocks of neighbouring pieces, each far longer than what makes neighbours alike (batch means, Schmeiser 1982); where
pieces are in groups, as pairs may be, on these (groups.py).

Legend: B rows a batch, N tokens, V vocabulary, W pieces of text: windows, or the targets of pairs.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from smalti.data.batches import Batch
from smalti.errors import InputError
from smalti.evaluate.groups import Groups, design_effect
from smalti.evaluate.intervals import Floats
from smalti.evaluate.outputs import device_of, evaluating
from smalti.evaluate.token_scores import Score, next_token
from smalti.nn.precision import Precision, in_precision

__all__ = ["TokenOutputs", "collect_tokens", "rows_that_fit"]

BLOCKS = 50
LOGITS = 1 << 26  # numbers at once; in fp32 a quarter of a gigabyte, of which a few copies are made


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


def rows_that_fit(most: int, num_tokens: int, vocab_size: int) -> int:
    """How many texts of so many tokens go through a model at a time: up to `most`, fewer where the vocabulary is large,
    one at least."""
    return max(1, min(most, LOGITS // (num_tokens * vocab_size)))
