"""Recurrent language models: fused and own layers are one model, and the state carries a text across calls."""

import pytest
import torch
import torch.nn.functional as F

from smalti.models import create_model

TOKENS = torch.randint(30, (4, 20), generator=torch.Generator().manual_seed(0))


def pair(cell: str):
    torch.manual_seed(0)
    options = {"vocab_size": 30, "embed_dim": 24, "hidden_dim": 24}
    fused, own = (create_model(f"{cell}_char", **options, fused=fused) for fused in (True, False))
    own.load_state_dict(fused.state_dict())
    return fused, own


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_fused_and_own_are_one_model(cell):
    tokens = TOKENS.clone()
    tokens[1, :6] = tokens[2, 15:] = -1

    def results(model, tokens):
        model.zero_grad()
        logits, memory = model.extend(tokens)
        real = tokens >= 0
        (logits[real].square().mean() + memory.square().mean()).backward()
        return [logits[real], memory, *(p.grad for p in model.parameters())]

    for given in (TOKENS, tokens):
        for a, b in zip(*(results(model, given) for model in pair(cell)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_carried_state_gives_the_loss_of_the_whole_text(cell):
    model, _ = pair(cell)
    whole = F.cross_entropy(model(TOKENS[:, :-1]).flatten(0, 1), TOKENS[:, 1:].flatten())
    memory, parts = None, []
    for start in (0, 10):
        piece = TOKENS[:, start : start + 10]
        logits, memory = model.extend(piece) if memory is None else model(piece, memory.detach())
        targets = TOKENS[:, start + 1 : start + 11]
        parts.append(F.cross_entropy(logits[:, : targets.shape[1]].flatten(0, 1), targets.flatten(), reduction="sum"))
    torch.testing.assert_close(sum(parts) / TOKENS[:, 1:].numel(), whole)
    assert memory.shape == (4 if cell == "lstm" else 2, 4, 24)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_gradients_reach_the_memory_unless_it_is_detached(cell):
    for model in pair(cell):
        _, memory = model.extend(TOKENS[:, :10])
        memory.retain_grad()
        model(TOKENS[:, 10:], memory)[0].sum().backward()
        assert memory.grad.any()


def test_padding_leaves_the_state_alone():
    padded = F.pad(TOKENS, (3, 5), value=-1)
    for cell in ("rnn", "lstm", "gru"):
        for model in pair(cell):
            torch.testing.assert_close(model.extend(padded)[1], model.extend(TOKENS)[1], rtol=1e-5, atol=1e-6)
            _, memory = model.extend(TOKENS)
            nothing = torch.full_like(TOKENS, -1)
            assert torch.equal(model.extend(nothing, memory)[1], memory)


def test_dropout_is_for_training_only():
    options = {"vocab_size": 30, "embed_dim": 24, "hidden_dim": 24, "drop_rate": 0.5}
    for fused in (True, False):
        for depth in (1, 2):
            model = create_model("gru_char", **options, depth=depth, fused=fused)
            torch.testing.assert_close(model.eval()(TOKENS), model(TOKENS), rtol=0, atol=0)
            assert (model.train()(TOKENS) - model(TOKENS)).abs().max() > 1e-3
