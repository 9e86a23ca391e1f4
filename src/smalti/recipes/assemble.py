"""The parts of a run, made from its recipe and its data."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from smalti import data
from smalti.data.balance import classes_of, rarity
from smalti.data.batches import Batch, Batches, step_size, steps_an_epoch
from smalti.data.check import Check, check
from smalti.data.formats.columns import Columns
from smalti.data.mixing import mix
from smalti.data.pictures import Pictures
from smalti.data.source import Source
from smalti.data.split import Split, split
from smalti.evaluate.evaluators import ClassifyEvaluator, MultilabelEvaluator, RegressEvaluator
from smalti.nn.precision import last_layers
from smalti.nn.threads import Threads
from smalti.objectives import Classify, Distill, Multilabel, Objective, Regress
from smalti.objectives.distill import hard, soft
from smalti.objectives.losses import LOSSES, find_loss
from smalti.progress import progress, progress_callback
from smalti.recipes.choose import is_measured
from smalti.recipes.pace import Pace
from smalti.recipes.recipe import Choice, Recipe, TargetConfig
from smalti.recipes.settings import RunConfig
from smalti.recipes.teacher import load_teacher
from smalti.recipes.transfer import freeze, load_start
from smalti.train.folder import RunFolder
from smalti.train.loop import Evaluator
from smalti.train.lr_range import find_lr

__all__ = [
    "Run",
    "checked",
    "find_rate",
    "fold_scale",
    "make_batches",
    "make_evaluator",
    "make_model",
    "make_objective",
    "make_pictures",
    "must_find_lr",
    "open_data",
    "range_steps",
    "read_pictures",
    "standardise",
    "target_objective",
]


EVALUATORS = {"classify": ClassifyEvaluator, "multilabel": MultilabelEvaluator, "regress": RegressEvaluator}
RANGE_STEPS, FEWEST = 60, 20  # of a range test, and those below which it says nothing
RANGE_SHARE = 0.1  # of the clock
LARGER = 1.25  # pictures are kept this much larger than the input where crops are cut out of them


Scale = tuple[np.ndarray, np.ndarray]  # mean and deviation (T,) of the targets of a regression over train


@dataclass(frozen=True)
class Run:
    """All that a run is made of. `pictures` have the targets that are learned, `source` those of the data, and `scale`
    leads from the ones to the others."""

    folder: RunFolder
    config: RunConfig
    recipe: Recipe
    choices: tuple[Choice, ...]
    source: Source
    check: Check
    split: Split
    pictures: Pictures
    scale: Scale | None
    device: torch.device
    threads: Threads
    began: float
    show: bool


def open_data(
    data_path: str | os.PathLike[str],
    *,
    task: str | None,
    seed: int,
    fraction: float,
    bad_images: str,
    leaks: str,
    download: bool,
    columns: Columns | None = None,
    show: bool,
) -> tuple[Source, Check, Split]:
    """Opens, checks and splits; raises InputError where training would make the result a lie. The source then knows
    its content."""
    source = data.open(data_path, download=download, task=task, columns=columns)  # type: ignore[arg-type]
    found = checked(source, show=show)
    found.demand(bad_images=bad_images, leaks=leaks)  # type: ignore[arg-type]
    parts = split(source, found.facts, seed=seed, fraction=fraction)
    parts.demand_train(source.name)
    return replace(source, hashes=found.facts.hashes), found, parts


def checked(source: Source, *, show: bool) -> Check:
    """The check of a source, with a line of progress."""
    with progress_callback("checking pictures", show=show) as report:
        return check(source, progress=report)


def standardise(source: Source, parts: Split) -> tuple[Source, Scale | None]:
    """For regression: the source with targets of mean 0 and deviation 1 over train; that mean and deviation (T,). A
    target that is constant there keeps its unit: it would rule all others."""
    if source.task != "regress":
        return source, None
    train = source.targets[parts.train].astype(np.float64)
    mean, deviation = train.mean(0), np.where(np.ptp(train, 0) > 0, train.std(0), 1.0)
    return replace(source, targets=((source.targets - mean) / deviation).astype(np.float32)), (mean, deviation)


def fold_scale(model: nn.Module, scale: Scale | None) -> nn.Module:
    """Puts mean and deviation of the targets into the last layer: the model then answers in the units of the data."""
    if scale is None:
        return model
    with torch.no_grad():
        for layer in last_layers(model).values():
            mean, deviation = (torch.tensor(value, dtype=torch.float32, device=layer.weight.device) for value in scale)
            layer.weight.mul_(deviation[:, None])
            layer.bias.mul_(deviation).add_(mean)
    return model


def make_model(recipe: Recipe, source: Source, *, resumed: bool = False) -> nn.Module:
    """The network as training begins with it: fresh weights, or those of another model. A resumed one gets its weights
    from a checkpoint.
    """
    torch.manual_seed(recipe.seed)
    model = recipe.model.build(recipe.preprocess, len(source.labels))
    if recipe.transfer.start and not resumed:
        load_start(model, recipe.transfer, source.labels)
    freeze(model, recipe.transfer)
    return model


def make_pictures(recipe: Recipe, source: Source, workers: int | None, *, show: bool) -> Pictures:
    """The pictures of a run, larger than the input where crops are cut out of them; a last layer alone is fitted to
    pictures as they are."""
    return Pictures(
        source,
        recipe.preprocess,
        margin=LARGER if recipe.augment.crop == "resized" and recipe.transfer.tune != "head" else 1.0,
        workers=workers,
        progress=partial(progress, description="reading pictures", show=show),
    )


def read_pictures(pictures: Pictures, parts: Split) -> None:
    """Reads into memory what a run learns from and chooses by."""
    pictures.load(parts.train)
    pictures.exact.load(parts.val)


def make_batches(recipe: Recipe, pictures: Pictures, parts: Split, device: torch.device) -> Batches:
    """Training batches: shuffled, or drawn evenly from the classes; augmented, mixed."""
    batches = Batches(
        pictures,
        parts.train,
        batch_size=recipe.loop.batch_size,
        seed=recipe.seed,
        augment=recipe.augment,
        shuffle=True,
        classes=classes_of(pictures.source, parts.train) if recipe.target.sampling == "balanced" else None,
        drop_last=True,
        out_size=recipe.preprocess.img_size,
        device=device,
    )
    if recipe.mix.mixup or recipe.mix.cutmix:
        steps, classes = len(batches), len(pictures.source.labels)
        batches.batch_transform = lambda batch, epoch, step: mix(
            batch, recipe.mix, num_classes=classes, seed=recipe.seed, step=epoch * steps + step
        )
    return batches


def make_evaluator(recipe: Recipe, pictures: Pictures, parts: Split, device: torch.device) -> Evaluator:
    """What judges a model in training: on validation pictures, or on those it learns from where there are none."""
    size = recipe.preprocess.img_size
    batches = Batches(pictures, parts.choosing, batch_size=256, out_size=size, device=device)
    return EVALUATORS[pictures.source.task](batches, precision=recipe.loop.precision)


def make_objective(
    recipe: Recipe, source: Source, parts: Split, student: nn.Module, *, checksum: str = ""
) -> Objective:
    """What `student` learns: the targets, and where there is a teacher, its answers too; `checksum` as `load_teacher`
    has it."""
    objective, teacher = target_objective(recipe.target, source, parts), recipe.teacher
    if not teacher.model:
        return objective
    match = hard if teacher.kind == "hard" else partial(soft, temperature=teacher.temperature)
    answers = load_teacher(teacher, recipe.preprocess, source.labels, next(student.parameters()).device, checksum)
    return Distill(objective, answers, match=match, share=teacher.share, student=student)


def target_objective(target: TargetConfig, source: Source, parts: Split) -> Objective:
    """The loss of the task, of pictures or of labelled texts."""
    name = find_loss(source.task, target.loss)
    loss = LOSSES[source.task][name]
    if name == "focal":
        loss = partial(loss, gamma=target.gamma)
    if source.task == "regress":
        return Regress(loss)
    weights = class_weights(source, parts) if target.class_weights == "auto" else None
    if source.task == "multilabel":
        return Multilabel(smoothing=target.smoothing, positive_weights=weights, loss=loss)
    return Classify(smoothing=target.smoothing, class_weights=weights, loss=loss)


def class_weights(source: Source, parts: Split) -> list[float]:
    """A factor a class: the root of its rarity, 1 on average over the training pictures (multi-label: of negatives to
    positives).
    """
    weights = np.sqrt(np.maximum(rarity(source, parts.train), 1.0))
    if source.task == "multilabel":
        return weights.tolist()
    return (weights / weights[source.targets[parts.train].astype(np.int64)].mean()).tolist()


def must_find_lr(recipe: Recipe, settings: Mapping[str, Any]) -> bool:
    """Whether the rule's rate was measured for other models or another optimiser, and the person named none. A model
    that knows something already takes the rule's rate untested: no range test of tuning was measured."""
    measured = is_measured(recipe.optim.name, recipe.model.preset) or bool(recipe.transfer.start)
    return not measured and "lr" not in settings.get("optim", {})


def range_steps(recipe: Recipe, parts: Split, pace: Pace, seconds: float | None) -> int:
    """How many steps a range test may take: no more than the run itself, nor, of a run of so many `seconds`, than a
    tenth of them."""
    size = step_size(len(parts.train), recipe.loop.batch_size)
    total = recipe.budget.total_steps(steps_an_epoch(len(parts.train), recipe.loop.batch_size))
    if total is None:
        total = int(RANGE_SHARE * (seconds or 0.0) * pace.train / size)
    return min(RANGE_STEPS, total)


def find_rate(
    recipe: Recipe, source: Source, parts: Split, pictures: Pictures, device: torch.device, steps: int, *, show: bool
) -> tuple[Recipe, Choice]:
    """The recipe with the learning rate of a range test of so many steps; as it is where they are too few."""
    if steps < FEWEST:
        reason = "the rule's: the budget is too small for a range test, and none was measured for this model"
        return recipe, Choice("learning rate", f"{recipe.optim.lr:.3g}", reason)
    model = make_model(recipe, source).to(device)
    pictures.load(parts.train)  # which has a line of progress of its own
    batches = make_batches(recipe, pictures, parts, device)
    objective = target_objective(recipe.target, source, parts)
    with progress(steps, "range test of the learning rate", show=show) as advance:

        def told() -> Iterator[Batch]:
            """Batches, each of which counts when the next is asked for."""
            for epoch in range(steps):
                for batch in batches.epoch(epoch):
                    yield batch
                    advance(1)

        lr = find_lr(model, objective, told(), recipe.optim, recipe.loop, seed=recipe.seed, steps=steps)
    choice = Choice(
        "learning rate",
        f"{lr:g}",
        f"found by a range test of {steps} steps, since none was measured for this model and optimiser",
    )
    return replace(recipe, optim=replace(recipe.optim, lr=lr)), choice
