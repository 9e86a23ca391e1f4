import math

import torch
from tests.evaluate.token_examples import TEXT, Recurrent, V
from torch import nn

from smalti.data.text import AllWindows
from smalti.evaluate.token_evaluators import LanguageEvaluator


def test_the_evaluator_names_what_the_loop_asks_for_and_leaves_the_mode():
    model = Recurrent().train()
    evaluator = LanguageEvaluator(AllWindows(TEXT, max_len=16))
    values = dict(evaluator(model))
    assert list(values) == ["loss", "accuracy", "loss_error"]
    assert model.training
    assert evaluator.best == ("loss", "min")
    assert dict(evaluator(model)) == values


def test_a_model_that_diverged_gives_nan():
    class Broken(nn.Module):
        def forward(self, tokens):
            return torch.full((*tokens.shape, V), math.nan)

    values = dict(LanguageEvaluator(AllWindows(TEXT, max_len=16))(Broken()))
    assert math.isnan(values["loss"])
