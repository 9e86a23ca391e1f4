"""Beginning with what another model has learned."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from torch import nn

from smalti.configs import demand, demand_words
from smalti.data.check import Check
from smalti.data.preprocess import Preprocess
from smalti.data.split import Split
from smalti.errors import InputError, counted
from smalti.importing import published_model
from smalti.modelfile import ModelFile, read_any_model
from smalti.models import preset_config
from smalti.nn import Block
from smalti.nn.lora import add_lora
from smalti.nn.precision import last_layers
from smalti.weights import DifferenceError, fit_classes, fit_input, is_hub_name, load_strictly, pinned

__all__ = [
    "FROM_DATA",
    "TransferConfig",
    "Tune",
    "demand_unseen",
    "find_start",
    "fitted_preprocess",
    "freeze",
    "kept_options",
    "load_start",
    "read_any_start",
    "read_start",
]

Tune = Literal["all", "last", "lora", "head"]
FROM_DATA = {  # of a model's config: what each follows from
    "img_size": "preprocess.img_size",
    "in_chans": "preprocess.in_chans",
    "num_classes": "the labels",
    "vocab_size": "the tokenizer",
    "max_len": "tokens.max_len",
}
LEFT = ("pre_logits",)  # the hidden layer of the paper's pre-training head is taken off, as in the paper


@dataclass(frozen=True)
class TransferConfig:
    """What a run begins with, and what of it learns.

    Args:
        start: the model file whose weights it begins with, or OWNER/NAME@COMMIT on Hugging Face's hub; "" for fresh
            weights.
        tune: "all"; "last", the last `blocks` blocks and what comes after them; "lora", low-rank parts of attentions
            and MLPs, and the head; "head", the last layer alone, on features that are computed once.
        blocks: with "last", how many learn.
        rank: with "lora", of the parts.
    """

    start: str = ""
    tune: Tune = "all"
    blocks: int = 2
    rank: int = 8

    def __post_init__(self) -> None:
        demand_words(self, "transfer")
        for name in ("blocks", "rank"):
            demand(getattr(self, name) >= 1, f"transfer.{name}", getattr(self, name), "1 or more")


def find_start(start: str, *, download: bool) -> str:
    """What a run begins with, in words that mean the same tomorrow: an absolute path, or OWNER/NAME@COMMIT.

    Args:
        start: a model file, a run folder, or a name on the hub.
        download: whether weights named on the hub may be fetched; they are on this machine afterwards.
    """
    return pinned(start, download=download) if is_hub_name(start) else os.path.abspath(start)


def read_any_start(start: str) -> ModelFile[Any]:
    """The model that a run begins with, as `find_start` says it, of pictures or of text."""
    return published_model(start).model if is_hub_name(start) else read_any_model(start)


def read_start(start: str) -> ModelFile[Preprocess]:
    """The same, of pictures. Raises InputError where it is of text."""
    model = read_any_start(start)
    if not isinstance(model.processor, Preprocess):
        raise InputError("is a model of text, not of pictures", where=start, mend="name a model of pictures")
    return model


def demand_unseen(file: ModelFile[Any], name: str, fingerprint: str, parts: Split, again: Callable[..., Split]) -> None:
    """Passes where a model that a run builds on has not learned from what is to judge the run. Raises InputError where
    it was trained on the same data, or on what had the same name, divided by another seed. Where data has only grown, a
    seed keeps back what it kept back before.

    Args:
        file: the model.
        name: of the data.
        fingerprint: of the data.
        parts: of it, in this run.
        again: the parts that a `seed` gives.
    """
    about = file.provenance
    seed = about.get("seed", 0)
    same = about.get("fingerprint") == fingerprint or about.get("data") == name
    if same and not np.array_equal(again(seed=seed).test, parts.test):
        what = f"a model of this data with seed {seed} has learned from what would judge this run"
        raise InputError(what, where=about.get("data", ""), mend=f"add --seed {seed}")


def kept_options(file: ModelFile[Any]) -> tuple[str, dict[str, Any]]:
    """The preset of a model file, and what of its config differs from it; the data decides on sizes and classes. Raises
    InputError where the file does not say of which preset it is."""
    preset = file.provenance.get("preset", "")
    if not preset:
        mend = 'write it with provenance={"preset": ...}'
        raise InputError("the model it begins with does not say of which preset it is", where="--from", mend=mend)
    _, plain = preset_config(preset)
    config: Any = file.module.config
    options = {
        f.name: getattr(config, f.name)
        for f in fields(config)
        if f.name not in (*FROM_DATA, *LEFT) and getattr(config, f.name) != getattr(plain, f.name)
    }
    return preset, options


def fitted_preprocess(file: ModelFile, check: Check) -> Preprocess:
    """The Preprocess of a model file for the pictures of another data set.

    Grey pictures go into a colour model as they are, in all of its channels; for colours that the model has no channels
    for, it gets some.
    """
    rule = file.processor
    if check.channels not in (1, rule.in_chans):
        rule = replace(rule, in_chans=check.channels, mean=check.mean, std=check.std)
    return replace(rule, white=check.white)


def load_start(model: nn.Module, config: TransferConfig, labels: tuple[str, ...]) -> None:
    """Gives a fresh `model` the weights of `config.start`. Outputs whose label the other model knows begin with what it
    knows of them; those of a regression begin fresh, since a finished one answers in the units of its data, and so do
    those that read a hidden layer that is taken off.
    """
    file = read_start(config.start)
    learned = file.module.state_dict()
    state = {name: t for name, t in learned.items() if name.split(".")[0] not in LEFT}
    keeps = file.task != "regress" and len(state) == len(learned)
    old = {label: row for row, label in enumerate(file.labels)} if keeps else {}
    rows = {row: old[label] for row, label in enumerate(labels) if label in old}
    try:
        load_strictly(model, fit_classes(fit_input(state, model, file.module), model, rows), where=config.start)
    except DifferenceError as error:
        size = " x ".join(map(str, file.processor.img_size))
        mend = f"leave out preprocess.img_size (it is {size}) and model.options: this model is not refitted"
        raise InputError(error.what, where=error.where, mend=mend) from error


def freeze(model: nn.Module, config: TransferConfig) -> None:
    """Leaves to learn what `config.tune` says."""
    FREEZE[config.tune](model, config)


def freeze_first(model: nn.Module, config: TransferConfig) -> None:
    """Freezes what comes before the last blocks."""
    blocks = [name for name, module in model.named_modules() if isinstance(module, Block)]
    demand_blocks(model, "last")
    if config.blocks > len(blocks):
        raise InputError(
            f"transfer.blocks = {config.blocks} of a model with {counted(len(blocks), 'block')}",
            mend='set a smaller number, or transfer.tune to "all"',
        )
    learning = (*(f"{name}." for name in blocks[-config.blocks :]), "norm.", "fc_norm.", "pool.", *last_layers(model))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(learning)


def freeze_matrices(model: nn.Module, config: TransferConfig) -> None:
    """Freezes all but the last layers, and gives the matrices of the blocks low-rank parts."""
    demand_blocks(model, "lora")
    add_lora(model, config.rank)


def demand_blocks(model: nn.Module, tune: Tune) -> None:
    """Raises InputError where a model is no Transformer, whose blocks `tune` is about."""
    if not any(isinstance(module, Block) for module in model.modules()):
        what = f"transfer.tune = {tune} of a model without blocks ({type(model).__name__})"
        raise InputError(what, mend='set transfer.tune to "all" or "head"')


def freeze_trunk(model: nn.Module, config: TransferConfig) -> None:
    """Freezes all but the last layers."""
    model.requires_grad_(False)
    for layer in last_layers(model).values():
        layer.requires_grad_(True)


FREEZE = {
    "all": lambda model, config: None,
    "last": freeze_first,
    "lora": freeze_matrices,
    "head": freeze_trunk,
}
