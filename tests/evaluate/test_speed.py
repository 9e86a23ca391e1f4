"""Models are timed turn by turn on the same pictures."""

import time

import pytest
import torch
from torch import Tensor, nn

from smalti.data.preprocess import Preprocess
from smalti.evaluate.speed import pictures_a_second
from smalti.ready import Model

RULE = Preprocess((8, 8), 3, (0.5,) * 3, (0.25,) * 3)


class Slow(nn.Module):
    """Takes so many seconds for an answer."""

    def __init__(self, seconds: float, turns: list[float]) -> None:
        super().__init__()
        self.scale, self.seconds, self.turns = nn.Parameter(torch.ones(())), seconds, turns

    def forward(self, images: Tensor) -> Tensor:
        self.turns.append(self.seconds)
        time.sleep(self.seconds)
        return images.flatten(1)[:, :2] * self.scale


def test_speeds_are_pictures_over_seconds_and_models_take_turns():
    turns: list[float] = []
    models = [Model(Slow(seconds, turns), "classify", ("a", "b"), RULE) for seconds in (0.02, 0.06)]
    slow, slower = pictures_a_second(models, torch.zeros(12, 3, 8, 8), turns=3)
    assert turns == [0.02, 0.06] * 4
    assert slow <= 12 / 0.02
    assert slower <= 12 / 0.06
    assert slow / slower == pytest.approx(3, rel=0.6)
