import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.errors import InputError
from smalti.sample import choose, keep_top_k, keep_top_p
from smalti.sample.filters import check_filters, draw

ROWS = st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=12)


def shares(row: list[float]) -> list[float]:
    top = [math.exp(x - max(row)) for x in row]
    return [x / math.fsum(top) for x in top]


@given(ROWS, st.integers(1, 14))
def test_top_k_keeps_the_k_largest_and_their_equals(row, k):
    kept = keep_top_k(torch.tensor([row]), k)[0]
    least = sorted(row, reverse=True)[min(k, len(row)) - 1]
    assert kept.tolist() == [x if x >= least else -math.inf for x in row]


@given(ROWS, st.floats(0.01, 0.99))
def test_top_p_keeps_the_fewest_that_reach_the_mass(row, p):
    kept = keep_top_p(torch.tensor([row]), p)[0].isfinite().tolist()
    mass, expected = 0.0, [False] * len(row)
    for i in sorted(range(len(row)), key=lambda i: (-row[i], i)):
        if abs(mass - p) < 1e-9:
            return  # equal up to rounding: either is right
        if mass >= p:
            break
        expected[i], mass = True, mass + shares(row)[i]
    assert kept == expected


def test_what_is_drawn_has_the_probabilities_exactly():
    row = torch.tensor([0.5, -1.0, 2.0, -torch.inf, 0.0])
    n = 100_000
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    counts = torch.bincount(draw(row.expand(n, -1), u), minlength=5) / n
    assert (counts - row.double().softmax(0)).abs().max() <= 1 / n


def test_the_ends_of_the_line_are_possible_ids():
    row = torch.tensor([[-torch.inf, 1.0, -torch.inf, 1.0, -torch.inf]])
    assert draw(row, torch.tensor([0.0])).item() == 1
    assert draw(row, torch.tensor([1 - 2.0**-32], dtype=torch.float64)).item() == 3


def test_filters_come_in_order():
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0]])
    seen = {choose(logits, torch.tensor([u]), temperature=9.0, top_k=2).item() for u in np.linspace(0, 0.999, 50)}
    assert seen == {0, 1}
    # at temperature 1 the first has 0.64: alone it reaches 0.6, and of the two that top-k leaves it has 0.73
    seen = {choose(logits, torch.tensor([u]), top_p=0.7).item() for u in np.linspace(0, 0.999, 50)}
    assert seen == {0, 1}
    seen = {choose(logits, torch.tensor([u]), top_k=2, top_p=0.7).item() for u in np.linspace(0, 0.999, 50)}
    assert seen == {0}


def test_temperature_zero_takes_the_likeliest():
    assert choose(torch.tensor([[0.0, 5.0, 4.0]]), torch.tensor([0.99]), temperature=0).item() == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"temperature": -1.0}, "temperature = -1.0"),
        ({"temperature": math.nan}, "temperature = nan"),
        ({"top_k": 0}, "top_k = 0"),
        ({"top_p": 1.5}, "top_p = 1.5"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        check_filters(**{"temperature": 1.0, "top_k": None, "top_p": None, **wrong})
