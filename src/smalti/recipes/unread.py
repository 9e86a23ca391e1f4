"""Settings that mean nothing to a run: what the kinds that it has chosen do not read."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

from smalti.errors import counted
from smalti.models import preset_config
from smalti.recipes.recipe import Composed, Recipe
from smalti.recipes.teacher import AUTO
from smalti.train.optim import READERS

__all__ = ["LAYERLESS", "Unread", "unread"]

LAYERLESS = ("cnn", "mlp", "rnn", "rnn_seq2seq")  # families of models without blocks, or stages of several layers

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
TURNED_ON = (  # section, the amounts of which one above 0 turns something on, what that alone reads
    ("augment", ("erase",), ("erase_area", "erase_fill")),
    ("mix", ("mixup", "cutmix"), ("prob",)),
)
FITTED = {  # the sections on training: what of them a run reads all the same that fits the last layer alone
    "target": ("class_weights",),
    "optim": (),
    "augment": ("crop", "flip"),  # the views of the finished model follow from them
    "mix": (),
    "loop": ("precision",),  # of its judgement
}


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
    else:
        yield from unread_by_pictures(about)
    if task == "regress":
        for name in ("class_weights", "smoothing"):
            yield Unread("target", name, "its targets are numbers", "")
    family, _ = preset_config(about.model.preset)
    if family in LAYERLESS:
        yield Unread("optim", "layer_decay", f'a model of the family "{family}" has no blocks', "")
    if hasattr(about, "teacher") and not about.teacher.model:
        for field in fields(about.teacher):
            if field.name != "model":
                yield Unread("teacher", field.name, "it has no teacher", "add --teacher MODEL")
    for section, kind, kinds, names in READ:
        if hasattr(about, section) and (chosen := getattr(getattr(about, section), kind)) not in kinds:
            why, mend = f'its {section}.{kind} is "{chosen}"', f"set {section}.{kind} to {' or '.join(kinds)}"
            yield from (Unread(section, name, why, mend) for name in names)


def unread_by_pictures(recipe: Recipe) -> Iterator[Unread]:
    """What a run on pictures does not read, whose other parts make it mean nothing."""
    if recipe.transfer.tune == "head":
        for section, read in FITTED.items():
            for field in fields(getattr(recipe, section)):
                if field.name not in read:
                    yield Unread(section, field.name, "it fits the last layer alone", 'set transfer.tune to "all"')
    for section, amounts, names in TURNED_ON:
        if not any(getattr(getattr(recipe, section), amount) for amount in amounts):
            settings = [f"{section}.{amount}" for amount in amounts]
            why = " and ".join(f"its {setting} is 0" for setting in settings)
            mend = f"set {' or '.join(settings)} above 0"
            yield from (Unread(section, name, why, mend) for name in names)
    if (channels := recipe.preprocess.in_chans) != 3:
        for name in ("saturation", "hue"):
            yield Unread("augment", name, f"its pictures have {counted(channels, 'channel')}", "")


def unread_by_text(recipe: Any, task: str) -> Iterator[Unread]:
    """The same of a run on text, where other ways of it would read none of them either."""
    for name in ("tune", "blocks", "rank"):
        yield Unread("transfer", name, "that is for pictures", "")
    if task != "masked-token":
        yield Unread("tokens", "mask_share", f"its task is {task}", "")
    if task != "classify":
        for field in fields(recipe.target):
            yield Unread("target", field.name, "target settings are for classes", "")
