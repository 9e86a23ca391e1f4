import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.data.text.rows import bucketed, padded


def test_short_rows_are_filled_with_negative_ids():
    rows = [np.array([1, 2, 3]), np.array([], np.int64), np.array([4])]
    assert torch.equal(padded(rows), torch.tensor([[1, 2, 3], [-1, -1, -1], [4, -1, -1]]))


@given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 3))
def test_every_batch_is_full_and_no_row_comes_twice(n: int, batch_size: int, epoch: int):
    lengths = np.arange(n) % 17
    batches = bucketed(lengths, batch_size, 1, epoch)
    assert len(batches) == max(1, n // batch_size)
    rows = np.concatenate(batches)
    assert len(np.unique(rows)) == len(rows)
    assert {len(batch) for batch in batches} == {min(n, batch_size)}


def test_rows_of_a_batch_are_of_similar_length_and_others_each_epoch():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    batches = bucketed(lengths, 10, 1, 0)
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    assert spread < 5
    assert np.std([lengths[batch].mean() for batch in batches[:30]]) > 10  # not from short to long
    other = {frozenset(batch) for batch in bucketed(lengths, 10, 1, 1)}
    assert len(other & {frozenset(batch) for batch in batches}) == 0


def test_the_order_is_a_function_of_seed_and_epoch():
    lengths = np.arange(50)
    one = np.concatenate(bucketed(lengths, 4, 7, 3))
    assert one.tolist() == np.concatenate(bucketed(lengths, 4, 7, 3)).tolist()
    assert one.tolist() != np.concatenate(bucketed(lengths, 4, 8, 3)).tolist()


@pytest.mark.parametrize("n", [3, 10])
def test_a_last_row_count_below_a_batch_is_left_out(n: int):
    assert sum(map(len, bucketed(np.ones(n, np.int64), 4, 0, 0))) == (3 if n == 3 else 8)
