"""Settings that mean nothing to a run: what the kinds that it has chosen do not read."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

from smalti.recipes.recipe import Composed
from smalti.recipes.teacher import AUTO
from smalti.train.optim import READERS

__all__ = ["Unread", "unread"]

READ = (  # section, the field that names a kind, the kinds, what these alone read
    *(("optim", "name", readers, (field,)) for field, readers in READERS.items()),
    ("target", "loss", ("focal",), ("gamma",)),
    ("augment", "crop", ("pad",), ("crop_pad",)),
    ("augment", "crop", ("resized",), ("crop_area", "crop_ratio")),
    ("augment", "auto", ("rand",), ("auto_ops", "auto_magnitude")),
    ("transfer", "tune", ("last",), ("blocks",)),
    ("transfer", "tune", ("lora",), ("rank",)),
    ("tokens", "tokenizer", ("bpe",), ("vocab_size",)),
    ("teacher", "kind", ("soft",), ("temperature",)),
    ("teacher", "model", (AUTO,), ("budget_share",)),
)


class Unread(NamedTuple):
    """A setting that a run does not read: why, and what else would have it read; "" for nothing."""

    section: str
    field: str
    why: str
    mend: str


def unread(recipe: Composed, task: str) -> Iterator[Unread]:
    """The settings that mean nothing to a run with this recipe; one may come twice, the plainer reason first."""
    about: Any = recipe
    if hasattr(about, "tokens"):
        yield from unread_by_text(about, task)
    if about.transfer.tune == "head":
        for section in ("target", "optim"):
            for field in fields(getattr(about, section)):
                if field.name != "class_weights":
                    yield Unread(section, field.name, "it fits the last layer alone", 'set transfer.tune to "all"')
    if task == "regress":
        for name in ("class_weights", "smoothing"):
            yield Unread("target", name, "its targets are numbers", "")
    if hasattr(about, "teacher") and not about.teacher.model:
        for field in fields(about.teacher):
            if field.name != "model":
                yield Unread("teacher", field.name, "it has no teacher", "add --teacher MODEL")
    for section, kind, kinds, names in READ:
        if hasattr(about, section) and (chosen := getattr(getattr(about, section), kind)) not in kinds:
            why, mend = f'its {section}.{kind} is "{chosen}"', f"set {section}.{kind} to {' or '.join(kinds)}"
            yield from (Unread(section, name, why, mend) for name in names)


def unread_by_text(recipe: Any, task: str) -> Iterator[Unread]:
    """The same of a run on text, where other ways of it would read none of them either."""
    for name in ("tune", "blocks", "rank"):
        yield Unread("transfer", name, "that is for pictures", "")
    if task != "masked-token":
        yield Unread("tokens", "mask_share", f"its task is {task}", "")
    if task != "classify":
        for field in fields(recipe.target):
            yield Unread("target", field.name, "target settings are for classes", "")
