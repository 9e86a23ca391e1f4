"""What a run says to the person."""

import sys
from pathlib import Path

from torch import Tensor

from smalti.data.augment import AugmentConfig
from smalti.data.check import Check
from smalti.data.source import TRAIN, Source
from smalti.data.split import Split
from smalti.errors import counted, few
from smalti.evaluate.evaluation import Evaluation
from smalti.evaluate.headline import AUDIENCE
from smalti.evaluate.speed import pictures_a_second
from smalti.ready import Model
from smalti.ready_text import TextModel
from smalti.recipes.recipe import Choice

__all__ = [
    "about_data",
    "cost_choice",
    "known_as",
    "learned_from",
    "not_labelled",
    "part_of_other_data",
    "says_splits",
    "short_name",
    "speed_choice",
    "split_sizes",
    "tell",
    "varied",
]

_TOLD = {  # kinds of problems
    "unread_format": "left out",
    "left_out": "left out",
    "guessed_column": "table",
    "odd_label": "labels",
    "duplicate_conflict": "labels",
    "note": "data",
}


def tell(choices: tuple[Choice, ...], show: bool) -> None:
    """The choices with their reasons, on stderr."""
    if show:
        wide = max((len(choice.name) for choice in choices), default=0)
        for choice in choices:
            sys.stderr.write(f"{choice.name:>{wide}}: {choice.value}  ({choice.reason})\n")
        sys.stderr.flush()


def about_data(found: Check) -> tuple[Choice, ...]:
    """What is said of pictures that cannot be read or that the layout leaves out, of how folders, columns and labels
    were read, and of labels that may be wrong; nothing where there is nothing."""
    n = found.n - int(found.splits.sum())
    bad = [problem.file for problem in found.problems if problem.kind == "unreadable"]
    told = [Choice("left out", counted(n, "picture"), f"cannot be read: {few(bad)}")] if n else []
    told += [
        Choice(_TOLD[problem.kind], problem.cause, problem.mend) for problem in found.problems if problem.kind in _TOLD
    ]
    return tuple(told)


def not_labelled(source: Source, model: Model) -> tuple[Choice, ...]:
    """What is said of labels of the model that matched data does not have; nothing where it has them all."""
    lacking = [label for label in model.labels if label not in source.labels]
    if not lacking:
        return ()
    return (Choice("left out", counted(len(lacking), "label"), f"the data does not have {few(lacking)}"),)


def known_as(split: str, fingerprint: str, model: Model | TextModel) -> str:
    """What a split of the data with this fingerprint is to a model, for `Report.split`."""
    trained_on = model.provenance.get("fingerprint")
    return split if trained_on == fingerprint else "other" if trained_on else ""


def learned_from(split: str, known: str, n: int, unit: str) -> tuple[Choice, ...]:
    """What is said where n samples of a split are not new to a model, to which they are what `known_as` says."""
    _, caution = AUDIENCE.get(known, ("", ""))
    return (Choice(split, f"{n:,} {unit}", caution.format(unit=unit)),) if caution else ()


def part_of_other_data(split: str, known: str, n: int, total: int, unit: str, *, is_given: bool) -> tuple[Choice, ...]:
    """What is said where a share, `n` of all samples, is measured of data that has no splits (is not `is_given`) and
    that the model, to which it is what `known_as` says, was not trained on."""
    if split == "all" or is_given or known == split:
        return ()
    why = "the share that training on it would keep back; --split all measures every one"
    return (Choice(split, f"{n:,} of {total:,} {unit}", why),)


def says_splits(source: Source) -> bool:
    """Whether data says what of it chooses or judges."""
    return bool((source.splits > TRAIN).any())


def speed_choice(plain: Model, merging: Model, images: Tensor, merge: int) -> Choice:
    """What is told of the gain in speed, measured on normalised images (B, C, H, W)."""
    before, after = pictures_a_second((plain, merging), images)
    why = f"{before:,.4g} without: {after / before:.2f} times as fast, on {counted(len(images), 'picture')}"
    return Choice(f"merging {merge} tokens a block", f"{after:,.4g} pictures a second", why)


def cost_choice(plain: Evaluation, merging: Evaluation) -> Choice:
    """What is told of the first figure, which merging moves."""
    name, metric = next(iter(merging.metrics.items()))
    return Choice(name, str(metric), f"{plain.metrics[name]} without merging")


def split_sizes(parts: Split) -> str:
    """ "800 train, 100 val, 100 test" """
    return f"{len(parts.train):,} train, {len(parts.val):,} val, {len(parts.test):,} test"


def short_name(name: str) -> str:
    """A data set's name as the start of a folder's: letters, digits and dashes."""
    stem = Path(name.rstrip("/")).name.split(".")[0]
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in stem).strip("-")[:40] or "run"


def varied(config: AugmentConfig) -> str:
    """What an augmentation varies, in words."""
    low, high = (f"{100 * share:.0f}" for share in config.crop_area)
    kinds = {
        f"shifts of up to {config.crop_pad} pixels": config.crop == "pad",
        f"crops of {low} to {high} % of the area": config.crop == "resized",
        f"moves of up to {config.translate:.0%}": config.translate,
        f"turns of {config.rotate:g} degrees": config.rotate,
        f"{config.zoom[0]:g} to {config.zoom[1]:g} times the size": config.zoom != (1, 1),
        "brightness": config.brightness,
        "contrast": config.contrast,
        "colour": config.saturation or config.hue,
        "TrivialAugment": config.auto == "trivial",
        "RandAugment": config.auto == "rand",
        f"a box erased from {config.erase:.0%}": config.erase,
        "mirrored every other epoch": config.flip == "alternate",
        "mirrored at random": config.flip == "random",
    }
    return ", ".join(kind for kind, there in kinds.items() if there) or "nothing"
