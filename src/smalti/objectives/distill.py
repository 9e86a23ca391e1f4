"""Learning from the labels and from a teacher at once (DeiT, arXiv:2012.12877; Hinton et al., arXiv:1503.02531).

Legend: B pictures, K classes.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.models.deit import DeiT
from smalti.objectives.objective import Batch, Forward, Objective

__all__ = ["Distill", "hard", "soft"]

Match = Callable[[Tensor, Tensor], Tensor]


def hard(logits: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy with the teacher's choice, (B, K) each, to a scalar (DeiT, eq. 3)."""
    return F.cross_entropy(logits, teacher.argmax(-1))


def soft(logits: Tensor, teacher: Tensor, temperature: float = 3.0) -> Tensor:
    """The divergence of the softened answers, (B, K) each, to a scalar (DeiT, eq. 2): temperature squared keeps its
    gradients as large as those of the labels.
    """
    ours, theirs = (F.log_softmax(one / temperature, dim=-1) for one in (logits, teacher))
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean") * temperature**2


class Distill:
    """An objective of labels, and beside it a teacher's answers to the very same augmented pictures.

    A DeiT shows labels to its head and the teacher to the head of its distillation token; any other model answers both
    with the same logits.

    Args:
        objective: of the labels.
        teacher: normalised images, as the student sees them, to logits (B, K) in the order of the student's labels.
        match: (student's logits, teacher's logits) to a loss: `hard`, or `soft` at a temperature.
        share: of the teacher in the loss, in [0, 1].
        student: the model that learns.
    """

    def __init__(
        self, objective: Objective, teacher: Forward, *, match: Match, share: float, student: nn.Module
    ) -> None:
        self.objective, self.teacher, self.match, self.share = objective, teacher, match, share
        self.answers = two_answers(student) if isinstance(student, DeiT) else one_answer

    def __call__(self, model: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """As the objective of the labels. Further metric: teacher, the share of pictures it agrees on."""
        labelled, taught = self.answers(model, batch["image"])
        loss, metrics = self.objective(lambda images: labelled, batch)
        with torch.no_grad():
            teacher = self.teacher(batch["image"])
        agree = (taught.detach().argmax(-1) == teacher.argmax(-1)).float().mean()
        return (1 - self.share) * loss + self.share * self.match(taught.float(), teacher), {**metrics, "teacher": agree}


def one_answer(model: Forward, images: Tensor) -> tuple[Tensor, Tensor]:
    """The logits for the labels and for the teacher: the same."""
    logits = model(images)
    return logits, logits


def two_answers(student: DeiT) -> Callable[[Forward, Tensor], tuple[Tensor, Tensor]]:
    """The logits of both heads of a DeiT, taken where they are computed: its forward gives their mean, in any precision
    that `model` is."""

    def answers(model: Forward, images: Tensor) -> tuple[Tensor, Tensor]:
        found: dict[nn.Module, Tensor] = {}

        def keep(head: nn.Module, _: tuple[Tensor, ...], logits: Tensor) -> None:
            found[head] = logits

        handles = [head.register_forward_hook(keep) for head in (student.head, student.head_dist)]
        try:
            model(images)
        finally:
            for handle in handles:
                handle.remove()
        return found[student.head], found[student.head_dist]

    return answers
