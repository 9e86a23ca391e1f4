"""The recipe rule for text: from the task and the data to how a model is trained. Every choice says why.

The numbers were measured on the texts of docs/text.md, with small models.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from smalti.errors import InputError
from smalti.models import preset_config
from smalti.nn.precision import best_precision
from smalti.recipes.recipe import Choice, ModelConfig
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.systems import System
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig
from smalti.train.optim import OptimConfig

__all__ = ["choose_text"]

MODELS = {
    "next-token": "gpt_char_mini",
    "masked-token": "bert_mini",
    "seq2seq": "seq2seq_mini",
    "classify": "bert_mini",
}
WINDOW = 128  # tokens of a running text that the rule's own model sees at once
BATCH_SIZES = {"next-token": 16, "masked-token": 32, "seq2seq": 64, "classify": 32}
RECURRENT_BATCH = 32  # streams of a running text; more rows cost a recurrent model little
RECURRENT_LR = {"rnn": 3e-3, "lstm": 6e-3, "gru": 6e-3}  # of AdamW, since Muon is for the matrices of blocks
MUON_LR, ADAMW_LR = 1e-2, 1e-3


def choose_text(
    system: System, budget: Budget, settings: Mapping[str, Any], device: torch.device
) -> tuple[TextRecipe, tuple[Choice, ...]]:
    """A complete recipe for what is to be learned; what the person settled stands. Raises InputError where a model of
    pictures is named."""
    choices = [Choice("split", ", ".join(f"{n:,} {name}" for name, n in system.sizes.items()), system.reason)]

    def choose(section: str, field: str, name: str, value: Any, reason: str) -> Any:
        """The person's value, or the rule's; noted with the reason."""
        named = settings.get(section, {}).get(field)
        value, reason = (value, reason) if named is None else (named, "you named it")
        choices.append(Choice(name, f"{value:g}" if isinstance(value, float) else str(value), reason))
        return value

    tokens = TokensConfig(**settings.get("tokens", {}))
    ids = f"{system.tokenizer.vocab_size:,} ids"
    choose("tokens", "tokenizer", "tokens", tokens.tokenizer, f"one id a {system.tokenizer.unit}; {ids}")
    preset = choose("model", "preset", "model", MODELS[system.task], "small enough to learn on a CPU")
    _, config = preset_config(preset)
    if not hasattr(config, "vocab_size"):
        raise InputError(
            f'"{preset}" is a model of pictures, and the task is {system.task}', mend="smalti models lists"
        )
    cell = getattr(config, "cell", None)
    if tokens.max_len is None and "preset" not in settings.get("model", {}) and system.task == "next-token":
        tokens = replace(tokens, max_len=WINDOW)
    if system.task in ("next-token", "masked-token"):
        width = tokens.max_len or getattr(config, "max_len", WINDOW)
        choose("tokens", "max_len", "window", width, "tokens that are seen at once")
    rows = RECURRENT_BATCH if cell and system.task == "next-token" else BATCH_SIZES[system.task]
    size = choose("loop", "batch_size", "batch size", rows, "small steps, and many of them")
    fitting = "AdamW for recurrent layers" if cell else "Muon for the matrices of the blocks, AdamW for the rest"
    name = choose("optim", "name", "optimiser", "adamw" if cell else "muon", fitting)
    rate = RECURRENT_LR.get(cell, ADAMW_LR) if name != "muon" else MUON_LR
    lr = choose("optim", "lr", "learning rate", rate, "measured for small models")
    precision, why = ("fp32", "recurrent layers compute in it") if cell else best_precision(device)
    precision = choose("loop", "precision", "precision", precision, why)
    recipe = TextRecipe(
        model=ModelConfig(preset),
        tokens=tokens,
        budget=budget,
        optim=OptimConfig(name=name, lr=lr, weight_decay=0.05),
        loop=LoopConfig(batch_size=size, precision=precision, warmup=0.05),
        seed=int(settings.get("seed", 0)),
    )
    return recipe.with_settings(settings), tuple(choices)
