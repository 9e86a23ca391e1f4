import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.data.text import AllWindows, Windows
from smalti.errors import InputError


def equal(one, other):
    return len(one) == len(other) and all(
        a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a) for a, b in zip(one, other, strict=True)
    )


@given(st.integers(9, 300), st.integers(1, 8), st.integers(1, 5), st.integers(0, 3))
def test_windows_do_not_overlap_and_targets_are_successors(size: int, max_len: int, batch_size: int, epoch: int):
    ids = np.arange(size)
    made = Windows(ids, max_len=max_len, batch_size=batch_size, seed=3)
    batches = list(made.epoch(epoch))
    assert len(batches) == len(made)
    tokens = torch.cat([batch["tokens"] for batch in batches])
    assert torch.equal(torch.cat([batch["target"] for batch in batches]), tokens + 1)
    assert torch.equal(torch.cat([batch["id"] for batch in batches]), tokens[:, 0])
    assert tokens.unique().numel() == tokens.numel()
    assert tokens.min() >= 0
    assert tokens.max() < size - 1
    left = size - 1 - tokens.numel()
    assert left < 2 * max_len + max_len * (batch_size - 1)  # room to move, and what fills no batch
    assert tokens.dtype == torch.int64


def test_every_epoch_cuts_the_text_elsewhere():
    made = Windows(np.arange(1000), max_len=10, batch_size=4)
    starts = [made.starts(epoch) for epoch in range(8)]
    assert len({int(s[0]) % 10 for s in starts}) > 3
    assert len({tuple(s) for s in starts}) == 8


def test_an_epoch_can_be_entered_anywhere():
    made, again = (Windows(np.arange(500), max_len=8, batch_size=5, seed=1) for _ in range(2))
    assert equal(list(made.epoch(2))[4:], list(again.epoch(2, start=4)))
    other = Windows(np.arange(500), max_len=8, batch_size=5, seed=2)
    assert not equal(list(made.epoch(2)), list(other.epoch(2)))


def test_a_text_shorter_than_a_window_is_refused():
    assert len(Windows(np.arange(9), max_len=8, batch_size=5)) == 1
    with pytest.raises(InputError, match="8 tokens are too few for windows of 8"):
        Windows(np.arange(8), max_len=8, batch_size=5)


@given(st.integers(2, 200), st.integers(1, 9), st.integers(1, 5), st.data())
def test_all_windows_judge_every_token_once(size: int, max_len: int, batch_size: int, data: st.DataObject):
    overlap = data.draw(st.integers(0, max_len - 1))
    made = AllWindows(np.arange(size), max_len=max_len, batch_size=batch_size, overlap=overlap)
    batches = list(made)
    assert len(batches) == len(made)
    target = torch.cat([batch["target"] for batch in batches])
    assert target[target >= 0].tolist() == list(range(1, size))
    tokens = torch.cat([batch["tokens"] for batch in batches])
    assert torch.equal(tokens[target >= 0] + 1, target[target >= 0])
    assert ((target[1:] >= 0).any(1)).all()  # no window judges nothing
    places = torch.arange(max_len).expand_as(target)[1:][target[1:] >= 0]
    assert (places >= overlap).all()


def test_an_overlap_leaves_something_to_judge():
    with pytest.raises(InputError, match="overlap 8 is not in"):
        AllWindows(np.arange(20), max_len=8, overlap=8)
    with pytest.raises(InputError, match="1 token leave nothing"):
        AllWindows(np.arange(1), max_len=8)
