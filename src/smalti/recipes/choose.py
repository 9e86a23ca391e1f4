"""The recipe rule: from what the data is and how long there is to how a model is trained. Every choice says why.

The numbers are what measurements on the sets of docs/results.md settled on; what was tried and lost is in docs/log.md.
"""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from smalti.data.balance import classes_of, rarity
from smalti.data.batches import step_size
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError, few
from smalti.models import preset_config
from smalti.nn.precision import Precision, best_precision
from smalti.objectives.losses import find_loss
from smalti.recipes.choose_model import Trial, choose_model, keep_model
from smalti.recipes.choose_variation import choose_augment, choose_mirror, choose_mix, choose_views
from smalti.recipes.given import Given, Note
from smalti.recipes.pace import UNTIMED, Pace, fastest, measure_pace
from smalti.recipes.recipe import Choice, ModelConfig, Recipe, TargetConfig
from smalti.recipes.teacher import AUTO, PRESET, TWO_HEADS, TeacherConfig, load_teacher, small
from smalti.recipes.transfer import TransferConfig, Tune, freeze
from smalti.recipes.unread import LAYERLESS
from smalti.train.loop import LoopConfig
from smalti.train.optim import WEIGHT_DECAY, OptimConfig

__all__ = ["Chosen", "choose", "is_measured"]

MANY_EPOCHS = 100
LOSS_REASONS = {
    "classify": "one class a picture",
    "multilabel": "each label is there or not",
    "regress": "quadratic near and linear far, so that a few wild numbers do not rule",
}
TUNED = ("cct_mini", "cct_midi")  # presets that the rule was made for
FRESH_LR = 3e-3  # of Muon, for 64 pictures a step
RATES = {**dict.fromkeys((*TUNED, "vit_mini"), FRESH_LR), "cnn_": 2e-3, "resnet": 2e-3}  # where measured (docs/log.md)
FEW_STEPS = 3  # of Muon's iteration
FEW = (*TUNED, "cnn_", "resnet")  # presets for which these are enough
TUNE_LR = 3e-3  # of AdamW, likewise, for a model that knows something already
DEEP_LR, DEEP_DECAY = 5e-4, 0.75  # the same for other presets, with a layer's share of the rate of the one above
NOT_FOR_HEADS = (  # a last layer alone is fitted, not trained
    "loss",
    "sampling",
    "optimiser",
    "learning rate",
    "layer decay",
    "batch size",
    "augmentation",
    "mixing",
    "stochastic depth",
    "epochs",
    "evaluations",
)
SETTLED_BY = {  # choice: the setting, or the section of settings, by which a person settles it
    "batch size": "loop.batch_size",
    "optimiser": "optim.name",
    "learning rate": "optim.lr",
    "layer decay": "optim.layer_decay",
    "class weights": "target.class_weights",
    "precision": "loop.precision",
    "channels": "preprocess.in_chans",
    "fit": "preprocess.fit",
    "mirroring": "augment.flip",
    "augmentation": "augment",
    "mixing": "mix",
    "evaluations": "loop.evaluations",
    "views": "views",
}
TAUGHT_EPOCHS = 15  # passes up to which a teacher that is trained first cost more than it brought (docs/results.md)
TUNE_EPOCHS = 3  # passes from which on tuning the whole model beats its last layer alone

EVERYTHING = TransferConfig()  # learns


@dataclass(frozen=True)
class Chosen:
    """The answer of the rule: a recipe, the reasons, and how fast this machine is with it."""

    recipe: Recipe
    choices: tuple[Choice, ...]
    pace: Pace


def choose(given: Given) -> Chosen:
    """A complete recipe for the circumstances; what the person settled stands."""
    choices: list[Choice] = []
    budget, given = given.budget, without_teacher(given)

    def note(name: str, value: object, reason: str) -> None:
        """What the person settled is told as theirs."""
        section, _, field = SETTLED_BY.get(name, "").partition(".")
        named = given.settings.get(section, {})
        if field in named:
            value, reason = named[field], "you named it"
        elif named and not field:
            reason = f"you named {few(named)}; {reason}"
        choices.append(Choice(name, str(value), reason))

    batch_size = choose_batch_size(given, note)
    optim = (choose_optim if given.start is None else tune_optim)(given, batch_size, note)
    target = choose_target(given, note)
    best, why = best_precision(given.device)
    precision = given.setting("loop", "precision") or best
    note("precision", precision, why)
    trial = partial(try_model, given, batch_size=batch_size, optim=optim, precision=precision)
    choose_first = choose_model if given.start is None else keep_model
    tuned = partial(trial, transfer=TransferConfig(**given.settings.get("transfer", {})))
    model, preprocess, pace = choose_first(given, tuned, batch_size, note)
    transfer = choose_transfer(given, pace, batch_size, note)
    teacher = choose_teacher(given, model, preprocess, transfer.tune, note)
    pace = taught_pace(given, trial, teacher, preprocess, batch_size, pace)
    epochs = given.epochs(pace, batch_size)
    speed = "" if pace is UNTIMED else f" at about {pace.train:,.0f} a second"
    note("epochs", f"{epochs:.3g}", f"{len(given.split.train):,} training pictures{speed}")
    if teacher.model == AUTO and epochs < TAUGHT_EPOCHS:
        why = f"pictures seen {epochs:.3g} times lack steps, not labels; on CIFAR-10 such a student did better alone"
        note("worth of a teacher", "doubtful", why)
    mirror = choose_mirror(given, preprocess, note)
    model = choose_depth_drop(model, epochs, note)
    augment = choose_augment(given, preprocess.img_size, epochs, mirror, note)
    mix = choose_mix(given, epochs, mirror, note)
    loop = choose_loop(given, batch_size, epochs, note)
    recipe = Recipe(
        model=model,
        preprocess=preprocess,
        budget=budget,
        augment=augment,
        mix=mix,
        target=target,
        optim=optim,
        loop=replace(loop, precision=precision),
        transfer=transfer,
        teacher=teacher,
        views=choose_views(given, preprocess, augment, mirror, note),
        seed=given.seed,
    )
    told = (choice for choice in choices if transfer.tune != "head" or choice.name not in NOT_FOR_HEADS)
    return Chosen(recipe, tuple(told), pace)


def without_teacher(given: Given) -> Given:
    """The circumstances of the student alone, where a teacher is trained first with a share of the budget."""
    config = TeacherConfig(**given.settings.get("teacher", {}))
    if config.model != AUTO:
        return given
    rest = given.budget.divided(config.budget_share)[1]
    return replace(given, budget=rest, seconds=given.seconds * (1 - config.budget_share))


def try_model(
    given: Given,
    model: ModelConfig,
    preprocess: Preprocess,
    *,
    batch_size: int,
    optim: OptimConfig,
    precision: Precision,
    transfer: TransferConfig = EVERYTHING,
) -> Pace:
    """How fast a model learns and answers here, where of it learns what `transfer` says. Raises InputError where it
    cannot be built."""
    with torch.random.fork_rng(devices=[]):
        module = model.build(preprocess, len(given.source.labels))
        freeze(module, transfer)
    if given.budget.minutes is None:
        return UNTIMED
    size = step_size(len(given.split.train), batch_size)
    parts = given.setting("loop", "accumulate") or LoopConfig.accumulate
    return measure_pace(module.to(given.device), batch_size=size, optim=optim, precision=precision, accumulate=parts)


def choose_transfer(given: Given, pace: Pace, batch_size: int, note: Note) -> TransferConfig:
    """What learns, of a model that knows something already: all of it where there is time, else the last layer."""
    if given.start is None:
        return TransferConfig()
    epochs = given.epochs(pace, batch_size)
    named = given.setting("transfer", "tune")
    tune: Tune = named or ("all" if epochs >= TUNE_EPOCHS else "head")
    words = {"all": "the whole model", "last": "the last blocks", "lora": "low-rank parts", "head": "the last layer"}
    why = "you named it" if named else f"the budget lets the whole model see each picture {epochs:.3g} times"
    if named == "head" and given.budget.minutes is None:
        why += "; it sees each picture once, whatever the budget"
    note("what learns", words[tune], why)
    return TransferConfig(str(given.setting("transfer", "start")), tune)


def choose_teacher(given: Given, model: ModelConfig, preprocess: Preprocess, tune: Tune, note: Note) -> TeacherConfig:
    """The teacher, where the person names one or wants one. Raises InputError where nothing can be taught."""
    family, _ = preset_config(model.preset)
    usual = TeacherConfig(**(TWO_HEADS if family == "deit" else {}))
    config = replace(usual, **given.settings.get("teacher", {}))
    if not config.model:
        return TeacherConfig()
    if given.source.task != "classify":
        raise InputError(f"a teacher teaches classes, and the task is {given.source.task}", mend="leave out --teacher")
    if tune == "head":
        mend = "leave out --teacher, or add --set transfer.tune=all"
        raise InputError("a last layer alone is fitted to the labels, and hears no teacher", mend=mend)
    if family == "deit" and config.share == 1:
        what = "teacher.share = 1.0 leaves one head of a distilled DeiT, that of the labels, as it began"
        raise InputError(what, mend="set a share below 1")
    name, why = config.model, "you named it"
    if config.model == AUTO:
        height, width = small(preprocess).img_size
        name, why = PRESET, f"trained first, with {config.budget_share:.0%} of the budget; it sees {width} x {height}"
    words = {"hard": "its choice counts as a second label", "soft": "its probabilities are matched"}
    note("teacher", name, f"{why}; {words[config.kind]}, {config.share:.0%} of the loss")
    return config


def taught_pace(
    given: Given, trial: Trial, teacher: TeacherConfig, preprocess: Preprocess, batch_size: int, pace: Pace
) -> Pace:
    """How fast a model learns that has `pace` by itself and asks a teacher about each picture. Raises InputError where
    the teacher cannot teach these labels."""
    if not teacher.model:
        return pace
    labels, trained_first = given.source.labels, teacher.model == AUTO
    answers = None if trained_first else load_teacher(teacher, preprocess, labels, given.device)
    if pace is UNTIMED:
        return pace
    if answers is None:
        answered = trial(ModelConfig(PRESET), small(preprocess)).evaluate
    else:
        images = torch.zeros(batch_size, preprocess.in_chans, *preprocess.img_size, device=given.device)
        with torch.no_grad():
            answered = batch_size / fastest(lambda: answers(images), given.device)
    return replace(pace, train=1 / (1 / pace.train + 1 / answered))


def choose_batch_size(given: Given, note: Note) -> int:
    """Smaller for small sets, so that an epoch has steps enough."""
    n = len(given.split.train)
    size = given.setting("loop", "batch_size") or (64 if n >= 1000 else 32)
    note("batch size", size, f"{n:,} training pictures")
    return size


def choose_optim(given: Given, batch_size: int, note: Note) -> OptimConfig:
    """Muon with a rate that follows the root of the pictures a step."""
    name, named_lr = given.setting("optim", "name") or "muon", given.setting("optim", "lr")
    preset = given.setting("model", "preset") or TUNED[0]
    rate = next((rate for start, rate in RATES.items() if preset.startswith(start)), FRESH_LR)
    lr = named_lr or rate * math.sqrt(step_size(len(given.split.train), batch_size) / 64)
    few = name == "muon" and preset.startswith(FEW)
    steps = given.setting("optim", "ns_steps") or (FEW_STEPS if few else OptimConfig.ns_steps)
    note("optimiser", name, f"Muon ({steps} steps of Newton-Schulz) for blocks and convolutions, else AdamW")
    if named_lr is not None or is_measured(name, preset):
        note("learning rate", f"{lr:.3g}", "measured for this family of models, scaled to the batch")
    return OptimConfig(name=name, lr=lr, weight_decay=WEIGHT_DECAY[name], ns_steps=steps)


def tune_optim(given: Given, batch_size: int, note: Note) -> OptimConfig:
    """For a model that knows something already: AdamW; deep ones are changed the less the earlier the layer."""
    assert given.start is not None
    name, named_lr = given.setting("optim", "name") or "adamw", given.setting("optim", "lr")
    small = str(given.start.provenance.get("preset")).startswith(TUNED)
    lr, decay = (TUNE_LR, 1.0) if small else (DEEP_LR, DEEP_DECAY)
    lr = named_lr or lr * math.sqrt(step_size(len(given.split.train), batch_size) / 64)
    note("optimiser", name, "for a model that knows something already")
    why = "measured for this family of models, scaled to the batch" if small else "as published models are fine-tuned"
    if name != "adamw":
        why = f"AdamW's: none was measured for {name} and a model that knows something already"
    note("learning rate", f"{lr:.3g}", why)
    if given.start.family in LAYERLESS:
        decay = 1.0
    if decay < 1:
        note("layer decay", decay, "the rate falls by this from layer to layer, from the head down")
    return OptimConfig(name=name, lr=lr, weight_decay=WEIGHT_DECAY[name], layer_decay=decay)


def is_measured(optimizer: str, preset: str) -> bool:
    """Whether the rule's learning rate was measured for this optimiser and model; else a range test finds one."""
    return optimizer == "muon" and preset.startswith(tuple(RATES))


def choose_depth_drop(model: ModelConfig, epochs: float, note: Note) -> ModelConfig:
    """Stochastic depth, where pictures are seen so often that they could be learned by heart."""
    takes = "drop_path_rate" in vars(preset_config(model.preset)[1])
    if epochs < MANY_EPOCHS or not takes or "drop_path_rate" in model.options:
        return model
    note("stochastic depth", 0.1, f"each picture is seen {epochs:.3g} times")
    return replace(model, options={**model.options, "drop_path_rate": 0.1})


def choose_target(given: Given, note: Note) -> TargetConfig:
    """The loss of the task, label smoothing, and class weights where classes are uneven."""
    task, named = given.source.task, given.setting("target", "loss")
    loss = find_loss(task, named or "auto")
    why = "you named it" if named not in (None, "auto") else LOSS_REASONS[task]
    if loss == "ordinal":
        why += f"; the order is {few(given.source.labels, 8)}"
    note("loss", loss, why)
    balanced = given.setting("target", "sampling") == "balanced"
    if balanced:
        turns = np.unique(classes_of(given.source, given.split.train))
        note("sampling", "balanced", f"you named it; {len(turns)} classes take turns")
    most = rarity(given.source, given.split.train).max()
    uneven = task == "classify" and most >= 2 and not balanced  # of labels nobody has measured whether it helps
    if uneven:
        note("class weights", "auto", f"the largest class has {most:.1f} times the pictures of the smallest")
    smoothing = 0.1 if loss == "cross_entropy" else 0.0
    return TargetConfig(smoothing, "auto" if uneven else "none", loss)


def choose_loop(given: Given, batch_size: int, epochs: float, note: Note) -> LoopConfig:
    """Schedule, and as many evaluations as cost a twentieth of the time: a picture judged costs a third of one learned
    from (forward, not backward). Counted, not timed, so that runs of equal length are equal."""
    trained, judged = epochs * len(given.split.train), max(len(given.split.val), 1) / 3
    evaluations = round(min(20, max(2, 0.05 * trained / judged)))
    if given.budget.epochs is not None:
        evaluations = min(given.budget.epochs, evaluations) if given.budget.epochs > 2 else given.budget.epochs
    note("evaluations", evaluations, "a twentieth of the work, at most 20")
    return LoopConfig(batch_size=batch_size, warmup=0.05, schedule="linear", evaluations=evaluations)
