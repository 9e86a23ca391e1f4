"""The teacher of a run: another trained model, made to answer for the student's pictures and labels. It is named, or
trained first.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from smalti.configs import demand, demand_words
from smalti.data.colour import luma
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError, counted, few
from smalti.objectives.objective import Forward
from smalti.ready import Model, load

__all__ = ["AUTO", "PRESET", "TWO_HEADS", "TeacherConfig", "load_teacher", "small"]

AUTO = "auto"  # the teacher is a small CNN (models/cnn.py), trained first: DeiT found convolutions to teach best
PRESET = "cnn_small_32"  # at the size of the student's pictures where they are small
SMALL = 64  # pixels of the longer side: the weights of that CNN grow with the area, to 205 million at 224 pixels
LEAST = 4  # that it takes

TWO_HEADS = {"kind": "hard", "share": 0.5}  # as DeiT has it, whose second head hears the teacher alone


@dataclass(frozen=True)
class TeacherConfig:
    """Who teaches, and how.

    Args:
        model: the model file of the teacher; "auto" for one that is trained first; "" for none.
        kind: "soft", its probabilities at `temperature`; "hard", its choice is a second label (DeiT).
        share: of the teacher in the loss.
        temperature: softens both answers, for "soft".
        budget_share: of the run's budget that a teacher trained first gets; the student has the rest.
    """

    model: str = ""
    kind: Literal["hard", "soft"] = "soft"
    share: float = 0.9
    temperature: float = 4.0
    budget_share: float = 0.3

    def __post_init__(self) -> None:
        demand_words(self, "teacher")
        demand(0 < self.share <= 1, "teacher.share", self.share, "above 0, at most 1")
        demand(self.temperature > 0, "teacher.temperature", self.temperature, "a number above 0")
        demand(0 < self.budget_share < 1, "teacher.budget_share", self.budget_share, "between 0 and 1")


def small(preprocess: Preprocess) -> Preprocess:
    """The student's pictures as a teacher that is trained first sees them: scaled down where they are not small."""
    share = min(1.0, SMALL / max(preprocess.img_size))
    height, width = (max(LEAST, round(side * share)) for side in preprocess.img_size)
    return preprocess.with_size((height, width))


def load_teacher(
    config: TeacherConfig, preprocess: Preprocess, labels: tuple[str, ...], device: torch.device, checksum: str = ""
) -> Forward:
    """The teacher as a function of the student's normalised images, giving logits in the order of `labels`.

    Raises:
        InputError: it is no single-label classifier, or does not know one of the labels, or has not the `checksum` with
            which the run began, where one is given.
    """
    teacher = load(config.model, device=str(device))
    if checksum not in ("", teacher.checksum):
        mend = "put the old one there again, or start a new run with smalti train"
        raise InputError("the teacher has changed since the run began", where=config.model, mend=mend)
    if teacher.task != "classify":
        raise InputError(
            f"a model for {teacher.task} cannot teach classes", where=config.model, mend="name a classifier"
        )
    unknown = [label for label in labels if label not in teacher.labels]
    if unknown:
        raise InputError(
            f"the teacher does not know {few(unknown)}", where=config.model, mend="train it on the same labels"
        )
    theirs, ours = teacher.preprocess.in_chans, preprocess.in_chans
    if theirs != ours and ours != 1 and (theirs, ours) != (1, 3):
        what = f"the teacher sees {counted(theirs, 'channel')}, the pictures have {ours}"
        raise InputError(what, where=config.model, mend="name a teacher of such pictures")
    columns = torch.tensor([teacher.labels.index(label) for label in labels], device=device)
    return lambda images: teacher.module(seen_by(teacher, preprocess, images)).float()[:, columns]


def seen_by(teacher: Model, preprocess: Preprocess, images: Tensor) -> Tensor:
    """The student's normalised images (B, C, H, W) as the teacher's: its channels, its size, its mean and deviation."""
    rule = teacher.preprocess
    if (rule.mean, rule.std, rule.img_size, rule.in_chans) == (
        preprocess.mean,
        preprocess.std,
        preprocess.img_size,
        preprocess.in_chans,
    ):
        return images
    pixels = images * column(preprocess.std, images) + column(preprocess.mean, images)  # in [0, 1]
    if rule.in_chans != preprocess.in_chans:
        pixels = luma(pixels) if rule.in_chans == 1 else pixels.expand(-1, rule.in_chans, -1, -1)
    if rule.img_size != preprocess.img_size:
        pixels = F.interpolate(pixels, rule.img_size, mode="bilinear", antialias=True)
    return (pixels - column(rule.mean, images)) / column(rule.std, images)


def column(values: tuple[float, ...], like: Tensor) -> Tensor:
    """A value a channel, (C, 1, 1)."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1)
