import numpy as np
import pytest
import torch
from tests.train.conftest import Silent
from torch import nn

from smalti.data.text import AllStreams, Streams
from smalti.models import create_model
from smalti.objectives import CarriedNextToken, NextToken, token_loss
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig, fit, train_step
from smalti.train.state import TrainState

TEXT = np.random.default_rng(0).integers(0, 11, 400)


class Recurrent(nn.Module):
    """A GRU over 11 ids."""

    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.head = nn.Embedding(11, 8), nn.GRU(8, 6, 2, batch_first=True), nn.Linear(6, 11)

    def forward(self, tokens, memory=None):
        x, after = self.rnn(self.embed(tokens.clamp(min=0)), memory)
        return self.head(x) if memory is None else (self.head(x), after)


START = torch.zeros(2, 1, 6)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Recurrent()


def test_next_token_is_the_loss_of_the_successors(model):
    batch = {"tokens": torch.tensor([[1, 2, 3]]), "target": torch.tensor([[2, 3, 4]])}
    torch.testing.assert_close(NextToken()(model, batch), token_loss(model(batch["tokens"]), batch["target"]))


def test_a_carried_state_gives_the_losses_of_one_long_pass(model):
    batches = list(AllStreams(TEXT[:97], max_len=8, batch_size=4))
    carried = CarriedNextToken({}, START)
    losses = [carried(model, batch)[0] for batch in batches]
    tokens, target = (torch.cat([batch[name] for batch in batches], 1) for name in ("tokens", "target"))
    torch.testing.assert_close(torch.stack(losses).mean(), token_loss(model(tokens), target)[0])


def test_gradients_stop_at_the_window(model):
    first, second = list(Streams(TEXT, max_len=8, batch_size=3).epoch(0))[:2]
    memory: dict[str, torch.Tensor] = {}
    carried = CarriedNextToken(memory, START)
    carried(model, first)
    assert not memory["streams"].requires_grad
    held = memory["streams"].clone()
    loss, _ = carried(model, second)
    loss.backward()  # through this window alone
    torch.testing.assert_close(loss, token_loss(model(second["tokens"], held)[0], second["target"])[0])


def test_a_fresh_stream_begins_from_nothing(model):
    batch = next(Streams(TEXT, max_len=8, batch_size=3).epoch(0))
    carried = CarriedNextToken({}, START)
    first, again = carried(model, batch)[0], carried(model, batch)[0]
    assert torch.equal(first, again)
    going_on = carried(model, {**batch, "fresh": torch.tensor([False, True, True])})[0]
    assert not torch.equal(first, going_on)


@pytest.mark.parametrize("accumulate", [2, 3])
def test_a_batch_in_parts_carries_the_same_memory(model, accumulate):
    batches = list(Streams(TEXT, max_len=8, batch_size=6).epoch(0))[:3]
    memories = []
    for count in (1, accumulate):
        memory: dict[str, torch.Tensor] = {}
        state = TrainState(model, [torch.optim.SGD(model.parameters(), 0.0)])
        values = [
            train_step(state, batch, CarriedNextToken(memory, START), LoopConfig(accumulate=count), None)[0]["loss"]
            for batch in batches
        ]
        memories.append((memory["streams"], torch.tensor(values)))
    torch.testing.assert_close(memories[0], memories[1])


def test_a_memory_that_is_not_finite_is_forgotten(model):
    batch = next(Streams(TEXT, max_len=8, batch_size=3).epoch(0))
    memory: dict[str, torch.Tensor] = {}
    carried = CarriedNextToken(memory, START)

    def poisoned(tokens, memory):
        logits, memory = model(tokens, memory)
        return logits, memory.index_fill(1, torch.tensor([1]), torch.nan)

    carried(poisoned, batch)
    assert memory["streams"].isfinite().all()
    assert not memory["streams"][:, 1].any()
    assert memory["streams"][:, 0].any()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_in_bf16_weights_and_memory_stay_fp32(cell):
    """The memory holds the very numbers that bf16 computed, so that going on from it is exact."""
    torch.manual_seed(0)
    model = create_model(f"{cell}_char", vocab_size=11, embed_dim=32, hidden_dim=32)
    batches = list(Streams(TEXT, max_len=8, batch_size=3).epoch(0))[:3]
    losses = {}
    for precision in ("fp32", "bf16"):
        memory: dict[str, torch.Tensor] = {}
        state = TrainState(model, [torch.optim.SGD(model.parameters(), 0.0)])
        carried = CarriedNextToken(memory, model.start())
        config = LoopConfig(precision=precision)
        losses[precision] = torch.tensor([train_step(state, b, carried, config, None)[0]["loss"] for b in batches])
    assert torch.equal(memory["streams"], memory["streams"].bfloat16().float())
    assert {memory["streams"].dtype, *(p.dtype for p in model.parameters())} == {torch.float32}
    assert not torch.equal(losses["fp32"], losses["bf16"])
    torch.testing.assert_close(losses["fp32"], losses["bf16"], rtol=0.01, atol=0)


def run(steps, *, memory, model_state=None):
    torch.manual_seed(3)
    model = Recurrent()
    state = TrainState(model, [torch.optim.AdamW(model.parameters())])
    if model_state:
        state.load_state_dict(model_state)
    batches = Streams(TEXT, max_len=8, batch_size=4, seed=2)

    def judge(module):
        yield "loss", 0.0

    judge.best = ("loss", "min")
    fit(
        state,
        batches,
        CarriedNextToken(memory, START),
        judge,
        lr=1e-2,
        config=LoopConfig(batch_size=4, schedule="constant", warmup=0.0),
        budget=Budget(steps=steps),
        listener=Silent(),
        seed=0,
    )
    return state


def test_a_resumed_run_equals_an_unbroken_one():
    whole, parts = {}, {}
    unbroken = run(17, memory=whole)  # more than an epoch of 11
    before = run(7, memory=parts)
    saved = {name: tensor.clone() for name, tensor in parts.items()}
    after = run(17, memory=saved, model_state=before.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(unbroken.model.parameters(), after.model.parameters(), strict=True))
    assert torch.equal(whole["streams"], saved["streams"])
