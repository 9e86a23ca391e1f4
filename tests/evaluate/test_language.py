import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from smalti.data.text import AllStreams, AllWindows, Pairs, open_pairs
from smalti.errors import InputError
from smalti.evaluate.language import (
    Carried,
    LanguageEvaluator,
    Masked,
    Seq2SeqEvaluator,
    TokenOutputs,
    collect_tokens,
    language_metrics,
    masked_metrics,
    rows_that_fit,
    seq2seq,
    seq2seq_metrics,
)
from smalti.sample import translate
from smalti.tokenizers import Bytes, Characters

V = 11
TEXT = np.random.default_rng(0).integers(0, V, 203)


class Recurrent(nn.Module):
    """A GRU over V ids."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.rnn, self.drop = nn.Embedding(V, 8), nn.GRU(8, V, batch_first=True), nn.Dropout(0.5)

    def forward(self, tokens, memory=None):
        x, after = self.rnn(self.drop(self.embed(tokens.clamp(min=0))), memory)
        return 5 * x if memory is None else (5 * x, after)

    def start(self):
        return torch.zeros(1, 1, V)


def plain(model, tokens, target):
    with torch.no_grad():
        logp = model.eval()(torch.as_tensor(tokens)[None])[0].log_softmax(-1)
    return [-float(logp[i, t]) for i, t in enumerate(target)], [
        int(logp[i].argmax()) == t for i, t in enumerate(target)
    ]


def test_every_token_is_judged_once_with_the_context_of_its_window():
    model = Recurrent()
    outputs = collect_tokens(model, AllWindows(TEXT, max_len=16, batch_size=3))
    losses, right = [], []
    for start in range(0, 202, 16):
        piece = TEXT[start : start + 17]
        a, b = plain(model, piece[:-1], piece[1:])
        losses, right = losses + a, right + b
    assert outputs.counts.sum() == 202
    assert outputs.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert outputs.accuracy == pytest.approx(np.mean(right))


def test_fewer_windows_are_judged_at_a_time_where_the_vocabulary_is_large():
    assert rows_that_fit(64, 128, 65) == 64
    assert rows_that_fit(64, 1024, 50257) == 1  # GPT-2: 200 MB of logits, not 12 GiB
    assert rows_that_fit(64, 128, 50257) == 10
    assert rows_that_fit(64, 10**6, 10**6) == 1


def test_a_carried_memory_gives_each_stream_all_its_context():
    model = Recurrent()
    whole = collect_tokens(model, AllStreams(TEXT, max_len=7, batch_size=1), Carried(model.start()))
    assert whole.loss == pytest.approx(np.mean(plain(model, TEXT[:-1], TEXT[1:])[0]), rel=1e-5)
    score = Carried(model.start())
    losses = [collect_tokens(model, AllStreams(TEXT, max_len=7, batch_size=4), score).loss for _ in range(2)]
    assert losses[0] == losses[1] != whole.loss  # the second pass begins anew


def test_the_evaluator_names_what_the_loop_asks_for_and_leaves_the_mode():
    model = Recurrent().train()
    evaluator = LanguageEvaluator(AllWindows(TEXT, max_len=16))
    values = dict(evaluator(model))
    assert list(values) == ["loss", "accuracy", "loss_error"]
    assert model.training
    assert evaluator.best == ("loss", "min")
    assert dict(evaluator(model)) == values


def test_what_is_hidden_is_the_same_in_every_evaluation_and_batch():
    shown = []

    def model(tokens):
        shown.append(tokens)
        return torch.zeros(*tokens.shape, V)

    model.parameters = model.buffers = model.modules = lambda: iter(())  # as a module without any
    score = Masked(mask_id=V, vocab_size=V, share=0.5)
    windows = [AllWindows(TEXT, max_len=16, batch_size=size) for size in (13, 4)]
    targets = [torch.cat([score(model, batch)[1] for batch in batches]) for batches in windows]
    assert torch.equal(*targets)
    assert torch.equal(shown[0], torch.cat(shown[1:]))
    share = (targets[0] >= 0).float().sum() / 203
    assert 0.35 < share < 0.65
    other = Masked(mask_id=V, vocab_size=V, share=0.5, seed=1)
    assert not torch.equal(next(iter(other(model, batch)[1] for batch in windows[0])), targets[0])


def outputs_of(losses, counts=None, right=None):
    losses = np.asarray(losses, float)
    counts = np.full(len(losses), 10.0) if counts is None else np.asarray(counts, float)
    right = counts / 2 if right is None else np.asarray(right, float)
    return TokenOutputs(losses, right, counts, np.arange(len(losses)))


def test_the_error_of_independent_pieces_is_that_of_a_mean():
    losses = np.random.default_rng(0).normal(20, 2, 50)
    made = outputs_of(losses)
    assert made.error(made.losses) == pytest.approx(losses.std(ddof=1) / 50**0.5 / 10)


def test_the_error_of_correlated_pieces_is_larger():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(200):
        scenes = np.repeat(rng.normal(20, 2, 100), 10)  # ten neighbours are alike
        made = outputs_of(scenes + rng.normal(0, 1, 1000))
        ratios.append((made.loss - 2) / made.error(made.losses))
    assert 0.85 < np.std(ratios) < 1.2  # errors are as large as they say
    shuffled = TokenOutputs(made.losses, made.right, made.counts, rng.permutation(1000))
    assert shuffled.error(made.losses) < made.error(made.losses) / 2


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


class Echo(nn.Module):
    """A random translator: what comes next depends on the source and on the last token."""

    config = SimpleNamespace(max_len=None)

    def __init__(self):
        super().__init__()
        torch.manual_seed(9)
        self.source, self.table = nn.Embedding(6, 6), nn.Embedding(6, 6)

    def read(self, source):
        return (self.source(source.clamp(min=0)) * (source >= 0)[..., None]).sum(1, keepdim=True)

    def extend(self, tokens, memory):
        return memory + 2 * self.table(tokens.clamp(min=0)), memory

    def forward(self, source, tokens):
        return self.extend(tokens, self.read(source))[0]


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


def test_nothing_to_predict_is_refused():
    with pytest.raises(InputError, match="no token to predict"):
        collect_tokens(Recurrent(), [])


def test_a_model_that_diverged_gives_nan():
    class Broken(nn.Module):
        def forward(self, tokens):
            return torch.full((*tokens.shape, V), math.nan)

    values = dict(LanguageEvaluator(AllWindows(TEXT, max_len=16))(Broken()))
    assert math.isnan(values["loss"])
