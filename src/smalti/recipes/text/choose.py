"""The recipe rule for text: from the task and the data to how a model is trained. Every choice says why.

The numbers were measured on the texts of docs/text.md, with small models.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from smalti.errors import InputError
from smalti.evaluate.language import rows_that_fit
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

    def choose(section: str, field: str, name: str, value: Any, reason: str) -> Any:
        """The person's value, or the rule's; noted with the reason."""
        named = settings.get(section, {}).get(field)
        value, reason = (value, reason) if named is None else (named, "you named it")
        choices.append(Choice(name, f"{value:g}" if isinstance(value, float) else str(value), reason))
        return value

    tokens = replace(TokensConfig(**settings.get("tokens", {})), tokenizer=system.tokenizer.kind)
    options: dict[str, Any] = {}
    named, longest = tokens.max_len, LONGEST
    preset, why = MODELS[system.task], "small enough to learn on a CPU"
    if begun is not None:
        preset, options = kept_options(begun)
        why, width = "the one it begins with", getattr(begun.module.config, "max_len", None)
        learned = getattr(begun.module.config, "pos_embed", "") == "learned"  # a table of so many rows
        longest = width if learned and width else LONGEST
        if learned and (named or 0) > longest:
            what = f"tokens.max_len = {named}, and the model it begins with sees {width} tokens"
            raise InputError(what, mend="name a smaller one, or begin without --from")
        tokens = replace(tokens, max_len=named or width)
    ids = f"{system.tokenizer.vocab_size:,} ids"
    choose("tokens", "tokenizer", "tokens", tokens.tokenizer, f"one id a {system.tokenizer.unit}; {ids}")
    preset = choose("model", "preset", "model", preset, why)
    family, config = preset_config(preset)
    if system.task not in FITTING.get(family, ()):
        what = f'"{preset}" is no model for {system.task}'
        raise InputError(what, mend=f"leave out --model, or name one like {MODELS[system.task]}")
    cell = getattr(config, "cell", None)
    if tokens.max_len is None and "preset" not in settings.get("model", {}) and system.task == "next-token":
        tokens = replace(tokens, max_len=min(WINDOW, max(2, system.sizes["train"] // 4)))
    width = tokens.max_len or getattr(config, "max_len", WINDOW)
    if named is None and hasattr(config, "max_len") and (needed := min(system.needed, longest)) > width:
        width = choose("tokens", "max_len", "length", needed, f"long {system.unit}; {LONGEST} tokens at most by itself")
        tokens = replace(tokens, max_len=width)
    if system.task in ("next-token", "masked-token"):
        choose("tokens", "max_len", "window", width, "tokens that are seen at once")
    rows = BATCH_SIZES[system.task]
    if system.task in ("next-token", "masked-token"):
        rows = rows_that_fit(rows, width, system.tokenizer.vocab_size)
    if cell and system.task == "next-token":  # streams side by side, each of two windows at least
        rows = min(RECURRENT_BATCH, max(1, system.sizes["train"] // (2 * width + 1)))
    size = choose("loop", "batch_size", "batch size", rows, "small steps, and many of them")
    fitting = "AdamW for recurrent layers" if cell else "Muon for the matrices of the blocks, AdamW for the rest"
    fitting = fitting if begun is None else "for a model that knows something already"
    own = "adamw" if cell or begun else "muon"
    name = choose("optim", "name", "optimiser", own, fitting)
    rate = MUON_LR if name == own == "muon" else RECURRENT_LR.get(cell or "", ADAMW_LR)
    why = "measured for small models"
    deep = config.depth >= DEEP
    if deep:
        rate, why = rate / 3, "a guess: measured for small models only"
    if begun is not None:
        rate, why = (DEEP_LR, "as published models are fine-tuned") if deep else (TUNE_LR, "lower than from scratch")
    if name not in (own, "adamw"):
        why = f"AdamW's: none was measured for {name} and such a model"
    lr = choose("optim", "lr", "learning rate", rate, why)
    precision, why = best_precision(device)
    precision = choose("loop", "precision", "precision", precision, why)
    recipe = TextRecipe(
        model=ModelConfig(preset, options),
        tokens=tokens,
        budget=budget,
        optim=OptimConfig(name=name, lr=lr, weight_decay=WEIGHT_DECAY[name]),
        loop=LoopConfig(batch_size=size, precision=precision, warmup=0.05),
        transfer=TransferConfig(str(settings.get("transfer", {}).get("start", ""))),
        seed=int(settings.get("seed", 0)),
    )
    return recipe.with_settings(settings), tuple(choices)
