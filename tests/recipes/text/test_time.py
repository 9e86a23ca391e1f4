"""A run on text keeps its minutes, whatever there is to judge."""

import time
from dataclasses import replace

import numpy as np
import pytest
from tests.text_runs import SMALL, TINY, pair_file, text_file

import smalti
from smalti.recipes.recipe import ModelConfig
from smalti.recipes.text.language import some_of
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.run import judging_seconds
from smalti.recipes.text.systems import open_system
from smalti.train.budget import Budget


def test_minutes_are_kept(tmp_path):
    result = smalti.train(
        text_file(tmp_path), minutes=0.2, out=tmp_path / "run", overrides=TINY, report=False, show=False
    )
    assert result.seconds < 0.2 * 60 + 3


def test_time_is_kept_to_write_the_targets_of_the_test(tmp_path, monkeypatch):
    """All of a few are written, so that what it takes is known."""
    pytest.importorskip("sacrebleu")
    system = open_system(pair_file(tmp_path), "seq2seq", TokensConfig())
    model = TextRecipe(ModelConfig("seq2seq_mini", SMALL), TokensConfig(), Budget(steps=1)).build(**system.found)

    def write(model, tokenizer, source, beams):
        time.sleep(0.05)
        return ["a b c d"] * len(source)

    monkeypatch.setattr("smalti.recipes.text.pairs.write_targets", write)
    monkeypatch.setattr("smalti.recipes.text.divided.REHEARSED", 3)
    assert judging_seconds(system, model) > 0.05 * system.sizes["test"] / 3


@pytest.mark.parametrize("model", ["gpt_char_mini", "lstm_char"])
def test_a_long_text_is_rehearsed_on_a_few_windows(tmp_path, monkeypatch, model):
    """All of val would take minutes for a text of tens of MB. What is found out is that of the whole test."""
    monkeypatch.setattr("smalti.recipes.text.language.ROWS", 2)
    system = open_system(text_file(tmp_path), "next-token", TokensConfig())
    judged = []

    def measure(self, model, split):
        judged.append(self.sizes[split])
        time.sleep(0.01)

    monkeypatch.setattr("smalti.recipes.text.language.Language.measure", measure)
    width = 16 if model == "gpt_char_mini" else 128
    system = replace(system, ids={**system.ids, "val": system.ids["train"]})
    module = TextRecipe(ModelConfig(model), TokensConfig(max_len=16), Budget(steps=1)).build(**system.found)
    seconds = judging_seconds(system, module)
    assert set(judged) == {2 * width + 1}
    assert 0.01 <= seconds * judged[0] / system.sizes["test"] < 0.1


def test_pieces_from_all_over_a_long_text_choose_the_model():
    ids = np.arange(1_000_003)
    some = some_of(ids)
    assert len(some) == 100_000
    assert some[0] == 0
    assert some[-1] == 1_000_003 - 20_000 + 1_999
    assert np.bincount(some // 20_001).max() <= 2_001
    assert some_of(ids[:100_000]) is not some
    assert len(some_of(ids[:100_000])) == 100_000


def test_the_loop_judges_some_of_a_long_text_and_the_test_all(tmp_path, monkeypatch):
    monkeypatch.setattr("smalti.recipes.text.language.CHOOSING", 50)
    system = open_system(text_file(tmp_path), "next-token", TokensConfig())
    recipe = TextRecipe(ModelConfig("gpt_char_mini", SMALL), TokensConfig(max_len=16), Budget(steps=1))
    model = recipe.build(**system.found)
    assert sum(int((b["target"] >= 0).sum()) for b in system.evaluator(recipe, model).batches) == 49
    assert system.measure(model, "test").n == system.sizes["test"] - 1
