"""The circumstances that a recipe is chosen for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch

from smalti.data.augment import AugmentConfig
from smalti.data.batches import step_size
from smalti.data.check import Check
from smalti.data.mixing import MixConfig
from smalti.data.source import Source
from smalti.data.split import Split
from smalti.data.views import Views
from smalti.modelfile import ModelFile
from smalti.recipes.pace import Pace
from smalti.train.budget import Budget

__all__ = ["Given", "Note"]

C = TypeVar("C", AugmentConfig, MixConfig, Views)

Note = Callable[[str, object, str], None]  # what a choice is about, what was chosen, why


@dataclass(frozen=True)
class Given:
    """What a recipe is chosen for.

    Args:
        source: the opened data.
        check: what is in it.
        split: which pictures train, choose and judge.
        budget: of the run.
        seconds: wall clock left for training, where the budget is in minutes.
        device: where it trains.
        settings: what the person has settled, as of `Recipe.with_settings`.
        seed: of everything random.
        start: the model it begins with, or None for fresh weights.
    """

    source: Source
    check: Check
    split: Split
    budget: Budget
    seconds: float
    device: torch.device
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    start: ModelFile | None = None

    @property
    def fraction(self) -> float:
        """The share of the training pictures that is learned from."""
        return self.settings.get("fraction", 1.0)

    def setting(self, section: str, name: str) -> Any:
        """What the person settled, or None."""
        return self.settings.get(section, {}).get(name)

    def settled(self, section: str, config: C) -> C:
        """The rule's config of a section with what the person settled in it."""
        return replace(config, **self.settings.get(section, {}))

    def epochs(self, pace: Pace, batch_size: int) -> float:
        """Passes over the training pictures that fit the budget, of a model that learns this fast."""
        n = len(self.split.train)
        if self.budget.epochs is not None:
            return self.budget.epochs
        if self.budget.steps is not None:
            return self.budget.steps * step_size(n, batch_size) / n
        return self.seconds * pace.train / n
