"""A recipe of a run on text: what run.toml holds and `--set` changes."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from torch import nn

from smalti.configs import demand, demand_words
from smalti.models.registry import FAMILIES, preset_config
from smalti.models.registry import build as build_model
from smalti.recipes.recipe import Composed, ModelConfig, TargetConfig
from smalti.recipes.transfer import TransferConfig
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig
from smalti.train.optim import OptimConfig

__all__ = ["TextRecipe", "TokensConfig"]


@dataclass(frozen=True)
class TokensConfig:
    """How a text becomes tokens.

    Args:
        tokenizer: one id a character of the data, a byte, or a piece that byte pair encoding learned from the data;
            of a run that begins with a model, that model's own, which for BERT is "wordpiece".
        vocab_size: ids that byte pair encoding ends up with.
        max_len: tokens the model sees at once; a window of a running text has so many. None for the preset's own.
        mask_share: of the tokens that masked-token training hides.
    """

    tokenizer: Literal["characters", "bytes", "bpe", "wordpiece"] = "characters"
    vocab_size: int = 1024
    max_len: int | None = None
    mask_share: float = 0.15

    def __post_init__(self) -> None:
        demand_words(self, "tokens")
        demand(self.vocab_size > 256, "tokens.vocab_size", self.vocab_size, "above 256")
        demand(self.max_len is None or self.max_len >= 2, "tokens.max_len", self.max_len, "2 or more, or none")
        demand(0 < self.mask_share < 1, "tokens.mask_share", self.mask_share, "a share between 0 and 1")


@dataclass(frozen=True)
class TextRecipe(Composed):
    """One complete run on text.

    Args:
        model: preset and options.
        tokens: how a text becomes ids.
        budget: minutes, epochs or steps.
        target: smoothing and class weights, for classes.
        optim: optimiser.
        loop: batch, schedule, precision, evaluations.
        transfer: what it begins with.
        seed: of everything random.
    """

    model: ModelConfig
    tokens: TokensConfig
    budget: Budget
    target: TargetConfig = TargetConfig()
    optim: OptimConfig = OptimConfig()
    loop: LoopConfig = LoopConfig()
    transfer: TransferConfig = TransferConfig()
    seed: int = 0

    def __post_init__(self) -> None:
        demand(0 <= self.seed < 2**63, "seed", self.seed, "a whole number from 0 to 9223372036854775807")

    def resolve(self, **found: Any) -> tuple[str, Any]:
        """Family and full config of the model, for what was found in the data: vocab_size, num_classes."""
        family, _ = preset_config(self.model.preset)
        if self.tokens.max_len is not None:
            found["max_len"] = self.tokens.max_len
        known = {field.name for field in fields(FAMILIES[family].config)}  # a recurrent model has no max_len
        wanted = {name: value for name, value in found.items() if name in known}
        return preset_config(self.model.preset, **wanted, **self.model.options)

    def build(self, **found: Any) -> nn.Module:
        """The model with fresh weights, as `resolve`."""
        return build_model(*self.resolve(**found))
