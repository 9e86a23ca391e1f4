import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.evaluate.token_examples import Echo, outputs_of

from smalti.data.text import Pairs, open_pairs
from smalti.evaluate.language import language_metrics, masked_metrics, seq2seq_metrics
from smalti.evaluate.token_evaluators import Seq2SeqEvaluator
from smalti.evaluate.token_outputs import collect_tokens
from smalti.evaluate.token_scores import seq2seq
from smalti.sample import translate
from smalti.tokenizers import Bytes, Characters


def test_a_single_piece_has_no_error():
    made = outputs_of([20.0])
    assert math.isnan(made.error(made.losses))
    assert language_metrics(made, Bytes(), np.zeros(11, np.int64))["loss"].low is None


def test_bits_are_those_of_the_text_in_any_tokens():
    text = "añb日" * 30
    letters = Characters.of([text])
    made = outputs_of([math.log(2) * 10] * 11 + [math.log(2) * 9], [10] * 11 + [9])
    metrics = language_metrics(made, letters, letters.encode(text), context="1 to 10 tokens of context")
    assert metrics["loss"].value == pytest.approx(math.log(2))
    assert metrics["loss"].note == "nats per character; 1 to 10 tokens of context"
    assert metrics["perplexity"].value == pytest.approx(2)
    assert metrics["bits_per_character"].value == pytest.approx(1)
    assert metrics["bits_per_byte"].value == pytest.approx(119 / (30 * 7 - 1))
    assert metrics["accuracy"].n == 119


def test_intervals_surround_their_values_and_follow_the_loss():
    made = outputs_of(np.random.default_rng(0).normal(20, 2, 80))
    metrics = language_metrics(made, Bytes(), np.zeros(801, np.int64))
    for name, metric in metrics.items():
        assert metric.low < metric.value < metric.high, name
    assert metrics["perplexity"].low == pytest.approx(math.exp(metrics["loss"].low))
    assert metrics["bits_per_byte"].high == pytest.approx(metrics["loss"].high / math.log(2))


def test_the_intervals_of_pairs_in_groups_cover_the_truth():
    """Documents of ten pairs each that are alike; as if each pair stood alone, about half of the draws would."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(30), 10)
    caught, alone = [], []
    for _ in range(200):
        easy = np.repeat(rng.beta(2, 2, 30), 10)  # of which each document has much or little
        made = outputs_of(10 * (1 - easy) + rng.normal(10, 1, 300), right=rng.binomial(10, easy))
        made = replace(made, ids=rng.permutation(300))
        for found, some in ((caught, groups), (alone, None)):
            metrics = seq2seq_metrics(made, groups=some)
            found.append([metrics["loss"].low <= 1.5 <= metrics["loss"].high])
            found[-1].append(metrics["token_accuracy"].low <= 0.5 <= metrics["token_accuracy"].high)
    assert min(np.mean(caught, 0)) > 0.91
    assert max(np.mean(alone, 0)) < 0.7
    assert {metric.groups for metric in seq2seq_metrics(made, groups=groups).values()} == {30}


def test_groups_widen_the_figures_of_pairs():
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(20), 10)
    right = np.repeat(rng.integers(5, 11, 20), 10)
    made = outputs_of(30.0 - right, right=right)
    alone, together = seq2seq_metrics(made), seq2seq_metrics(made, groups=100 - groups)
    for name, metric in together.items():
        assert metric.value == alone[name].value
        if name != "loss":
            assert metric.high - metric.low > 1.5 * (alone[name].high - alone[name].low), name
    assert seq2seq_metrics(made, groups=np.arange(200)) == alone
    sure = outputs_of([1.0] * 200, right=[10.0] * 200)
    assert seq2seq_metrics(sure, groups=groups)["token_accuracy"].low < seq2seq_metrics(sure)["token_accuracy"].low < 1


def test_no_mistake_leaves_room_for_one():
    metric = masked_metrics(outputs_of([1.0] * 20, right=[10.0] * 20))["masked_accuracy"]
    assert metric.value == metric.high == 1
    assert metric.low < 1


def test_whole_targets_are_those_a_greedy_answer_gives(tmp_path):
    letters, model = Characters("abcd", ("start", "end")), Echo().eval()
    sources = [a + b + c for a in "abcd" for b in "abcd" for c in "abcd"]
    start, end = letters.special("start"), letters.special("end")

    def answers(texts):
        ids = torch.tensor([letters.encode(text).tolist() for text in texts])
        return [letters.decode(row) for row in translate(model, ids, start=start, end=end, max_tokens=6)]

    said = answers(sources)
    rows = [(s, t if i % 3 else t + "a") for i, (s, t) in enumerate(zip(sources, said, strict=True)) if 0 < len(t) < 6]
    (tmp_path / "t.csv").write_text("source,target\n" + "".join(f"{s},{t}\n" for s, t in rows))
    pairs = open_pairs(tmp_path / "t.csv")
    batches = Pairs(pairs, range(len(pairs)), letters, batch_size=7)
    outputs = collect_tokens(model, batches, seq2seq)
    exact = [a == t for a, (_, t) in zip(answers([s for s, _ in rows]), rows, strict=True)]
    assert 0 < sum(exact) < len(exact)
    assert outputs.whole == np.mean(exact)
    assert dict(Seq2SeqEvaluator(batches)(model))["sequence_accuracy"] == outputs.whole
    metrics = seq2seq_metrics(outputs)
    assert list(metrics) == ["sequence_accuracy", "token_accuracy", "loss", "perplexity"]
    assert metrics["sequence_accuracy"].n == len(rows)
    assert metrics["token_accuracy"].n == sum(len(t) + 1 for _, t in rows)
