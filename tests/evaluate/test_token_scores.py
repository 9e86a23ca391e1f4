import numpy as np
import pytest
import torch
from tests.evaluate.token_examples import TEXT, Recurrent, V, plain

from smalti.data.text import AllStreams, AllWindows
from smalti.evaluate.token_outputs import collect_tokens
from smalti.evaluate.token_scores import Carried, Masked


def test_a_carried_memory_gives_each_stream_all_its_context():
    model = Recurrent()
    whole = collect_tokens(model, AllStreams(TEXT, max_len=7, batch_size=1), Carried(model.start()))
    assert whole.loss == pytest.approx(np.mean(plain(model, TEXT[:-1], TEXT[1:])[0]), rel=1e-5)
    score = Carried(model.start())
    losses = [collect_tokens(model, AllStreams(TEXT, max_len=7, batch_size=4), score).loss for _ in range(2)]
    assert losses[0] == losses[1] != whole.loss  # the second pass begins anew


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
