"""How wrong an answer is: losses as free functions of raw answers and targets.

Legend: B pictures, K classes or labels, T numbers. What of each class is in a picture is its shares (B, K), which sum
to 1: one 1 for a class number, several shares after mixup or cutmix.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.errors import InputError

__all__ = [
    "LOSSES",
    "LossName",
    "binary_cross_entropy",
    "binary_focal",
    "cross_entropy",
    "find_loss",
    "focal",
    "one_vs_all",
    "ordinal",
    "smooth",
]

LossName = Literal["auto", "cross_entropy", "bce", "focal", "ordinal", "huber", "mse", "l1"]

LEAST = 1e-12  # base of a power: at 0 a power below 1 is infinitely steep


def cross_entropy(logits: Tensor, shares: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of the softmax: logits and shares (B, K) to (B,)."""
    return F.cross_entropy(logits, shares, label_smoothing=smoothing, reduction="none")


def one_vs_all(logits: Tensor, shares: Tensor, smoothing: float = 0.0) -> Tensor:
    """K questions, "is it there?", each with its binary cross-entropy: logits and shares (B, K) to their mean (B,).

    As in DeiT-III (arXiv:2204.07118): a mixed picture has both of its classes, each fully. The logits are of a sigmoid
    each; their softmax, which a model answers with, has the same order but is surer.
    """
    there = smooth((shares > 0).to(logits.dtype), smoothing)
    return F.binary_cross_entropy_with_logits(logits, there, reduction="none").mean(-1)


def focal(logits: Tensor, shares: Tensor, smoothing: float = 0.0, gamma: float = 2.0) -> Tensor:
    """Focal loss (arXiv:1708.02002) of the softmax: logits and shares (B, K) to (B,).

    Cross-entropy with every term scaled by (1 - p)^gamma, so that classes told well already count little. The
    probabilities learned are less sure than they should be.
    """
    logp = logits.log_softmax(-1)
    missing = (-torch.expm1(logp)).clamp(min=LEAST)  # 1 - p
    return -(smooth(shares, smoothing) * missing**gamma * logp).sum(-1)


def ordinal(logits: Tensor, shares: Tensor, smoothing: float = 0.0) -> Tensor:
    """For classes in order (grades, ages): logits and shares (B, K) to (B,); an answer further off costs more.

    The answer is taken apart into the K - 1 questions "is it above class k?" (Frank and Hall 2001; Niu et al., CVPR
    2016), each with its binary cross-entropy, and the loss is their mean. Answers to such questions may contradict each
    other; CORAL (arXiv:1901.07884) forbids it with a head of its own. Here they are sums of one softmax over K logits,
    as in the squared loss of arXiv:1611.05916: they cannot contradict, the head stays what it is, and the softmax is
    the model's belief, so the answer is its argmax. With two classes this is cross-entropy.
    """
    logp = logits.log_softmax(-1)
    upto = logp.logcumsumexp(-1)[:, :-1]  # (B, K - 1): log P(class <= k)
    above = logp.flip(-1).logcumsumexp(-1).flip(-1)[:, 1:]  # log P(class > k)
    share = smooth(shares, smoothing).cumsum(-1)[:, :-1]
    return -(share * upto + (1 - share) * above).mean(-1)


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of each label: logits and targets in [0, 1] (B, K) to (B, K)."""
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def binary_focal(logits: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss (arXiv:1708.02002) of each label: logits and targets in [0, 1] (B, K) to (B, K).

    Binary cross-entropy times the distance of the probability from the target, to the power gamma. The paper's alpha is
    the business of weights.
    """
    missing = (1 - targets) * logits.sigmoid() + targets * (-logits).sigmoid()
    return missing.clamp(min=LEAST) ** gamma * binary_cross_entropy(logits, targets)


def smooth(shares: Tensor, smoothing: float) -> Tensor:
    """Shares (B, K) of which a part, `smoothing` in [0, 1), is spread over all classes (arXiv:1512.00567)."""
    return shares * (1 - smoothing) + smoothing / shares.shape[-1]


LOSSES: dict[str, Mapping[LossName, Callable[..., Tensor]]] = {  # by task and name; the first of a task is its own
    "classify": {"cross_entropy": cross_entropy, "bce": one_vs_all, "focal": focal, "ordinal": ordinal},
    "multilabel": {"bce": binary_cross_entropy, "focal": binary_focal},
    "regress": {"huber": F.huber_loss, "mse": F.mse_loss, "l1": F.l1_loss},
}


def find_loss(task: str, name: LossName) -> LossName:
    """The name of a loss of `task`; "auto" is its own. Raises InputError for a loss of another task."""
    if name == "auto":
        return next(iter(LOSSES[task]))
    if name not in LOSSES[task]:
        mend = f"use {' or '.join(LOSSES[task])}"
        raise InputError(f'target.loss = "{name}" is not a loss of the task {task}', mend=mend)
    return name
