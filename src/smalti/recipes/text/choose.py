"""The recipe rule for text: from the task and the data to how a model is trained. Every choice says why.

The numbers were measured on the texts of docs/text.md, with small models.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from smalti.errors import InputError
from smalti.evaluate.token_outputs import rows_that_fit
from smalti.modelfile import ModelFile
from smalti.models import preset_config
from smalti.nn.precision import best_precision
from smalti.recipes.recipe import Choice, ModelConfig
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.systems import System
from smalti.recipes.transfer import TransferConfig, kept_options
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig
from smalti.train.optim import WEIGHT_DECAY, OptimConfig

__all__ = ["choose_text"]

MODELS = {
    "next-token": "gpt_char_mini",
    "masked-token": "bert_mini",
    "seq2seq": "seq2seq_mini",
    "classify": "bert_mini",
}
WINDOW = 128  # tokens of a running text that the rule's own model sees at once
LONGEST = 512  # tokens of a row that it sees: the cost of attention grows with their square
RUNNING = ("next-token", "masked-token")  # tasks of a running text
BATCH_SIZES = {"next-token": 16, "masked-token": 32, "seq2seq": 64, "classify": 32}
FITTING = {  # family: the tasks its head is for
    "gpt": ("next-token",),
    "rnn": ("next-token",),
    "bert": ("masked-token", "classify"),
    "seq2seq": ("seq2seq",),
    "rnn_seq2seq": ("seq2seq",),
}
RECURRENT_BATCH = 32  # streams of a running text; more rows cost a recurrent model little
RECURRENT_LR = {"rnn": 3e-3, "lstm": 6e-3, "gru": 6e-3}  # of AdamW, since Muon is for the matrices of blocks
MUON_LR, ADAMW_LR = 1e-2, 1e-3
TUNE_LR, DEEP_LR = 1e-3, 5e-5  # of AdamW, for a model that knows something already: a small one, a published one
DEEP = 8  # blocks

Choose = Callable[[str, str, str, Any, str], Any]  # section, field, name, the rule's value, why: what stands


def choose_text(
    system: System,
    budget: Budget,
    settings: Mapping[str, Any],
    device: torch.device,
    begun: ModelFile[Any] | None = None,
) -> tuple[TextRecipe, tuple[Choice, ...]]:
    """A complete recipe for what is to be learned; what the person settled stands.

    Args:
        begun: the model that training begins with; None for fresh weights.

    Raises:
        InputError: a model is named that is not for the task, or a length beyond the positions which the model it
            begins with has learned.
    """
    choices = [Choice("split", ", ".join(f"{n:,} {name}" for name, n in system.sizes.items()), system.reason)]
    choose = partial(settle, settings, choices)
    ids = f"one id a {system.tokenizer.unit}; {system.tokenizer.vocab_size:,} ids"
    choose("tokens", "tokenizer", "tokens", system.tokenizer.kind, ids)
    model, config = choose_model(system.task, begun, choose)
    tokens = choose_length(system, settings, config, begun, choose)
    size = choose_batch_size(system, tokens, config, choose)
    optim = choose_optim(config, begun, choose)
    precision = choose("loop", "precision", "precision", *best_precision(device))
    recipe = TextRecipe(
        model=model,
        tokens=tokens,
        budget=budget,
        optim=optim,
        loop=LoopConfig(batch_size=size, precision=precision, warmup=0.05),
        transfer=TransferConfig(str(settings.get("transfer", {}).get("start", ""))),
        seed=int(settings.get("seed", 0)),
    )
    return recipe.with_settings(settings), tuple(choices)


def settle(
    settings: Mapping[str, Any], choices: list[Choice], section: str, field: str, name: str, value: Any, reason: str
) -> Any:
    """The person's value, or the rule's; noted with the reason."""
    named = settings.get(section, {}).get(field)
    value, reason = (value, reason) if named is None else (named, "you named it")
    choices.append(Choice(name, f"{value:g}" if isinstance(value, float) else str(value), reason))
    return value


def choose_model(task: str, begun: ModelFile[Any] | None, choose: Choose) -> tuple[ModelConfig, Any]:
    """The model, and the config of its preset."""
    own, options, why = MODELS[task], {}, "small enough to learn on a CPU"
    if begun is not None:
        (own, options), why = kept_options(begun), "the one it begins with"
    preset = choose("model", "preset", "model", own, why)
    if begun is not None and preset != own:
        raise InputError(f'the model it begins with is "{own}"', where="--model", mend="leave out --model or --from")
    family, config = preset_config(preset)
    if task not in FITTING.get(family, ()):
        mend = f"leave out --model, or name one like {MODELS[task]}"
        raise InputError(f'"{preset}" is no model for {task}', mend=mend)
    return ModelConfig(preset, options), config


def choose_length(
    system: System, settings: Mapping[str, Any], config: Any, begun: ModelFile[Any] | None, choose: Choose
) -> TokensConfig:
    """The tokens, and how many are seen at once: as many as the start or the preset does, more where rows are longer,
    fewer of a short running text."""
    given, longest = TokensConfig(**settings.get("tokens", {})), LONGEST
    tokens = replace(given, tokenizer=system.tokenizer.kind)
    if begun is not None:
        longest = longest_from(begun.module.config, given.max_len)
        tokens = replace(tokens, max_len=given.max_len or getattr(begun.module.config, "max_len", None))
    if tokens.max_len is None and system.task == "next-token" and "preset" not in settings.get("model", {}):
        tokens = replace(tokens, max_len=min(WINDOW, max(2, system.sizes["train"] // 4)))
    width = seen_at_once(tokens, config)
    if given.max_len is None and hasattr(config, "max_len") and (needed := min(system.needed, longest)) > width:
        why = f"long {system.unit}; {LONGEST} tokens at most by itself"
        tokens = replace(tokens, max_len=choose("tokens", "max_len", "length", needed, why))
    if system.task in RUNNING:
        choose("tokens", "max_len", "window", width, "tokens that are seen at once")
    return tokens


def longest_from(config: Any, named: int | None) -> int:
    """Tokens that a model which begins with one of this config sees at most by the rule. Raises InputError where more
    are named than that one has learned positions."""
    width = getattr(config, "max_len", None)
    if not width or getattr(config, "pos_embed", "") != "learned":
        return LONGEST
    if (named or 0) > width:
        what = f"tokens.max_len = {named}, and the model it begins with sees {width} tokens"
        raise InputError(what, mend="name a smaller one, or begin without --from")
    return width


def seen_at_once(tokens: TokensConfig, config: Any) -> int:
    """Tokens that a model sees at once, or through which its gradients go back."""
    return tokens.max_len or getattr(config, "max_len", WINDOW)


def choose_batch_size(system: System, tokens: TokensConfig, config: Any, choose: Choose) -> int:
    """Rows a step: fewer where the vocabulary is large, more where the model is recurrent."""
    rows, width = BATCH_SIZES[system.task], seen_at_once(tokens, config)
    if system.task in RUNNING:
        rows = rows_that_fit(rows, width, system.tokenizer.vocab_size)
    if hasattr(config, "cell") and system.task == "next-token":  # streams side by side, each of two windows at least
        rows = min(RECURRENT_BATCH, max(1, system.sizes["train"] // (2 * width + 1)))
    return choose("loop", "batch_size", "batch size", rows, "small steps, and many of them")


def choose_optim(config: Any, begun: ModelFile[Any] | None, choose: Choose) -> OptimConfig:
    """Optimiser and learning rate."""
    cell, is_deep = getattr(config, "cell", ""), config.depth >= DEEP
    own, why = "muon", "Muon for the matrices of the blocks, AdamW for the rest"
    if cell:
        own, why = "adamw", "AdamW for recurrent layers"
    if begun is not None:
        own, why = "adamw", "for a model that knows something already"
    name = choose("optim", "name", "optimiser", own, why)
    rate = MUON_LR if name == own == "muon" else RECURRENT_LR.get(cell, ADAMW_LR)
    why = "measured for small models"
    if is_deep:
        rate, why = rate / 3, "a guess: measured for small models only"
    if begun is not None:
        rate, why = (DEEP_LR, "as published models are fine-tuned") if is_deep else (TUNE_LR, "lower than from scratch")
    if name not in (own, "adamw"):
        why = f"AdamW's: none was measured for {name} and such a model"
    lr = choose("optim", "lr", "learning rate", rate, why)
    return OptimConfig(name=name, lr=lr, weight_decay=WEIGHT_DECAY[name])
