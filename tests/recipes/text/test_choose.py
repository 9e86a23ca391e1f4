"""What the rule chooses for a text: lengths, batches, rates."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.text_runs import TINY, text_file

import smalti
from smalti.models import preset_config
from smalti.recipes.text.choose import choose_text
from smalti.recipes.text.recipe import TokensConfig
from smalti.recipes.text.systems import open_system
from smalti.recipes.text.tokens import choose_tokens
from smalti.train.budget import Budget


def chosen(data, task, **settings):
    """The choices of the rule, without a run."""
    system = open_system(data, task, choose_tokens(task, settings.get("tokens", {})))
    return system, choose_text(system, Budget(steps=1), settings, torch.device("cpu"))[0]


@pytest.mark.parametrize(("longest", "max_len"), [(20, None), (127, None), (128, 129), (300, 301), (600, 512)])
def test_pairs_are_read_in_full(tmp_path, longest, max_len):
    """A target stands behind its start."""
    data = tmp_path / "pairs.csv"
    data.write_text(f"source,target\nab,c\nb,{'a' * longest}\n")
    assert chosen(data, "seq2seq")[1].tokens.max_len == max_len
    assert chosen(data, "seq2seq", tokens={"max_len": 99})[1].tokens.max_len == 99
    assert chosen(data, "seq2seq", model={"preset": "lstm_seq2seq_mini"})[1].tokens.max_len is None


@pytest.mark.parametrize(("longest", "max_len"), [(20, None), (126, None), (300, 302), (600, 512)])
def test_most_labelled_texts_are_read_in_full(tmp_path, longest, max_len):
    """A few very long ones do not decide; a text stands between start and end."""
    lines = [f"{'ab'[i % 2] * (2000 if i == 7 else longest)},{'ab'[i % 2]},train" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,split", *lines]))
    letters = {"tokenizer": "characters"}
    assert chosen(tmp_path / "t.csv", "classify", tokens=letters)[1].tokens.max_len == max_len
    named = {**letters, "max_len": 64}
    assert chosen(tmp_path / "t.csv", "classify", tokens=named)[1].tokens.max_len == 64


def test_texts_that_are_cut_are_counted(tmp_path, capsys):
    """In training, and when the model is measured; the label of the long ones stands where nobody reads."""
    data = tmp_path / "t.csv"
    data.write_text("text,label\n" + "".join(f"{'x' * (i + 1)}{'ab'[i % 2]},{'ab'[i % 2]}\n" for i in range(40)))
    call = {"overrides": {**TINY, "tokens.max_len": 23, "tokens.tokenizer": "characters"}, "report": False}
    result = smalti.train(data, steps=1, out=tmp_path / "run", **call)
    told = "cut: 20 of 40 texts  (longer than the 23 tokens that are read; --set tokens.max_len=N"
    assert told in capsys.readouterr().err
    assert "20 of 40 texts" in (result.run / "run.toml").read_text()
    smalti.evaluate(result.model, data, split="all")
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("preset", "task", "batch"),
    [("gpt2", "next-token", 1), ("bert_base", "masked-token", 4), ("bert_base", "classify", 32)],
)
def test_a_published_model_gets_batches_that_fit_a_laptop(text_runs, preset, task, batch):
    """Of GPT-2 16 windows of 1,024 tokens would be 3 GiB of logits, and as much for each of their gradients."""
    _, config = preset_config(preset)
    begun = SimpleNamespace(provenance={"preset": preset}, module=SimpleNamespace(config=config))
    tokenizer = SimpleNamespace(kind="bpe", unit="piece", vocab_size=config.vocab_size)
    about = {"sizes": {"train": 10**6}, "reason": "", "unit": "pieces", "needed": 0, "tokenizer": tokenizer}
    system = SimpleNamespace(task=task, **about)
    recipe, _ = choose_text(system, Budget(steps=1), {}, torch.device("cpu"), begun)
    assert (recipe.loop.batch_size, recipe.tokens.max_len) == (batch, config.max_len)


def test_a_published_model_is_judged_a_window_at_a_time(tmp_path):
    system = open_system(text_file(tmp_path), "next-token", TokensConfig())
    model = SimpleNamespace(config=preset_config("gpt2")[1])
    assert system.pieces(model, np.arange(9000)).batch_size == 1


@pytest.mark.parametrize(
    ("model", "named", "rate", "why"),
    [
        (None, {}, 1e-2, "measured for small models"),
        (None, {"name": "adamw"}, 1e-3, "measured for small models"),
        (None, {"name": "sgd"}, 1e-3, "AdamW's: none was measured for sgd and such a model"),
        (None, {"name": "sgd", "lr": 0.1}, 0.1, "you named it"),
        ("lstm_char", {}, 6e-3, "measured for small models"),
        ("lstm_char", {"name": "muon"}, 6e-3, "AdamW's: none was measured for muon and such a model"),
    ],
)
def test_a_learning_rate_says_what_it_was_measured_for(text_runs, model, named, rate, why):
    system = open_system(text_runs["next-token"][0], "next-token", TokensConfig())
    settings = {"optim": named} | ({"model": {"preset": model}} if model else {})
    recipe, choices = choose_text(system, Budget(steps=1), settings, torch.device("cpu"))
    (told,) = (choice for choice in choices if choice.name == "learning rate")
    assert (recipe.optim.lr, told.value, told.reason) == (rate, f"{rate:g}", why)
