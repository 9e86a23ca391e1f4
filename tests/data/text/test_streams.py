import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.data.text import AllStreams, Streams
from smalti.errors import InputError


@given(st.integers(41, 300), st.integers(1, 8), st.integers(1, 5), st.integers(0, 3))
def test_each_row_goes_on_where_it_ended(size: int, max_len: int, batch_size: int, epoch: int):
    made = Streams(np.arange(size), max_len=max_len, batch_size=batch_size, seed=5)
    batches = list(made.epoch(epoch))
    assert len(batches) == len(made)
    tokens = torch.cat([batch["tokens"] for batch in batches], 1)  # (B, all)
    assert (tokens.diff(dim=1) == 1).all()
    assert torch.equal(torch.cat([batch["target"] for batch in batches], 1), tokens + 1)
    assert tokens.unique().numel() == tokens.numel()
    assert tokens.max() < size - 1
    assert [batch["fresh"].tolist() for batch in batches] == [[step == 0] * batch_size for step in range(len(made))]
    assert all(batch["row"].tolist() == list(range(batch_size)) for batch in batches)


def test_an_epoch_can_be_entered_anywhere_and_begins_elsewhere():
    made = Streams(np.arange(500), max_len=8, batch_size=3, seed=1)
    later, whole = list(made.epoch(1, start=4)), list(made.epoch(1))[4:]
    assert all(torch.equal(a[k], b[k]) for a, b in zip(later, whole, strict=True) for k in a)
    assert not later[0]["fresh"].any()
    assert len({int(next(made.epoch(epoch))["id"][0]) for epoch in range(8)}) > 3


def test_too_many_streams_are_refused():
    with pytest.raises(InputError, match="32 tokens are too few for 4 streams with windows of 8; give 33 or more"):
        Streams(np.arange(32), max_len=8, batch_size=4)
    assert len(Streams(np.arange(33), max_len=8, batch_size=4)) == 1


@given(st.integers(2, 200), st.integers(1, 9), st.integers(1, 7))
def test_all_streams_judge_every_token_once(size: int, max_len: int, batch_size: int):
    made = AllStreams(np.arange(size), max_len=max_len, batch_size=batch_size)
    batches = list(made)
    assert len(batches) == len(made)
    target = torch.cat([batch["target"] for batch in batches], 1)
    tokens = torch.cat([batch["tokens"] for batch in batches], 1)
    assert target[target >= 0].tolist() == list(range(1, size))
    assert torch.equal(tokens[target >= 0] + 1, target[target >= 0])
    assert (target[:, 0] >= 0).all()  # no empty stream
    assert batches[0]["fresh"].all()
    assert not any(batch["fresh"].any() for batch in batches[1:])
