import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.data.randomness import _mix, _mix_int, hash_key, permutation, step_seed, stream, uniforms

N = 40_000
SLOTS = 4


def correlation(a, b):
    return float(np.corrcoef(np.asarray(a).ravel(), np.asarray(b).ravel())[0, 1])


@pytest.fixture(scope="module")
def sample():
    return uniforms(0, 0, np.arange(N), SLOTS)


class TestUniforms:
    def test_range_shape_and_moments(self, sample):
        assert sample.shape == (N, SLOTS)
        assert sample.dtype == torch.float64
        assert sample.min() >= 0
        assert sample.max() < 1
        sigma = 1 / math.sqrt(12 * N * SLOTS)
        assert abs(sample.mean() - 0.5) < 4 * sigma
        assert abs(sample.var() - 1 / 12) < 4 * math.sqrt(1 / 180 / (N * SLOTS))

    def test_chi_square_of_every_slot(self, sample):
        bins = 64
        for slot in range(SLOTS):
            counts = np.bincount((sample[:, slot] * bins).long().numpy(), minlength=bins)
            chi = ((counts - N / bins) ** 2 / (N / bins)).sum()
            assert abs(chi - (bins - 1)) < 4.5 * math.sqrt(2 * (bins - 1))

    def test_pairs_of_neighbours_fill_the_square_evenly(self, sample):
        bins = 16
        x, y = (sample[:, 0] * bins).long(), (uniforms(0, 0, np.arange(1, N + 1), 1)[:, 0] * bins).long()
        counts = np.bincount((x * bins + y).numpy(), minlength=bins**2)
        chi = ((counts - N / bins**2) ** 2 / (N / bins**2)).sum()
        assert abs(chi - (bins**2 - 1)) < 4.5 * math.sqrt(2 * (bins**2 - 1))

    @pytest.mark.parametrize(
        "other",
        [
            uniforms(0, 0, np.arange(1, N + 1), SLOTS),
            uniforms(0, 1, np.arange(N), SLOTS),
            uniforms(1, 0, np.arange(N), SLOTS),
            uniforms(0, 0, np.arange(N), SLOTS, purpose="flip"),
            uniforms(0, 0, np.arange(N), SLOTS + 1)[:, 1:],
            uniforms(0, 0, np.arange(N) + (1 << 32), SLOTS),
        ],
        ids=["id", "epoch", "seed", "purpose", "slot", "high bits"],
    )
    def test_neighbours_are_not_correlated(self, sample, other):
        assert abs(correlation(sample, other)) < 4.5 / math.sqrt(N * SLOTS)
        assert not torch.equal(sample, other)

    @given(
        st.integers(-(2**70), 2**70),
        st.integers(0, 10**6),
        st.lists(st.integers(0, 2**62), min_size=1, max_size=20),
        st.integers(1, 8),
    )
    def test_a_sample_does_not_depend_on_its_batch(self, seed, epoch, ids, count):
        batch = uniforms(seed, epoch, np.array(ids), count)
        for row, i in zip(batch, ids, strict=True):
            assert torch.equal(row[:1], uniforms(seed, epoch, torch.tensor([i]), 1)[0])

    def test_whole_numbers_from_them_stay_in_range(self):
        largest = 1 - 2.0**-32
        assert all(math.floor(largest * n) == n - 1 for n in (2, 9, 14, 1000, 2**20))

    def test_golden(self):
        assert uniforms(0, 0, np.array([0, 1]), 3).tolist() == [
            [0.21510829054750502, 0.4152602006215602, 0.14570367755368352],
            [0.7017113592009991, 0.7304304449353367, 0.8652333442587405],
        ]
        assert uniforms(12345, 7, np.array([99]), 1, purpose="flip").item() == 0.6360325424466282

    def test_published_splitmix64_sequence(self):
        """The stream of state 1234567, as printed in the reference implementation's test vectors."""
        gamma, state, drawn = 0x9E3779B97F4A7C15, 1234567, []
        for _ in range(5):
            state = (state + gamma) % 2**64
            drawn.append(_mix_int(state))
        assert drawn == [
            6457827717110365317,
            3203168211198807973,
            9817491932198370423,
            4593380528125082431,
            16408922859458223821,
        ]
        words = np.array([(1234567 + k * gamma) % 2**64 for k in range(1, 6)], dtype=np.uint64)
        assert _mix(words).tolist() == drawn


class TestPermutation:
    @given(st.integers(0, 2**64), st.integers(0, 1000), st.integers(0, 300))
    def test_is_a_permutation_and_pure(self, seed, epoch, n):
        order = permutation(seed, epoch, n)
        assert order.dtype == np.int64
        assert np.array_equal(np.sort(order), np.arange(n))
        assert np.array_equal(order, permutation(seed, epoch, n))

    def test_large_ones_cross_the_chunks(self):
        n = (1 << 20) + 12_345
        order = permutation(3, 1, n)
        assert np.array_equal(np.bincount(order, minlength=n), np.ones(n))
        assert abs(correlation(order, np.arange(n))) < 4.5 / math.sqrt(n)

    def test_every_place_is_equally_likely(self):
        n, epochs = 8, 4000
        counts = np.zeros((n, n))
        for epoch in range(epochs):
            counts[np.arange(n), permutation(0, epoch, n)] += 1
        chi = ((counts - epochs / n) ** 2 / (epochs / n)).sum()
        degrees = (n - 1) ** 2
        assert abs(chi - degrees) < 4.5 * math.sqrt(2 * degrees)

    def test_epochs_and_seeds_differ(self):
        orders = [permutation(seed, epoch, 1000) for seed in range(3) for epoch in range(3)]
        for i, a in enumerate(orders):
            for b in orders[:i]:
                assert abs(correlation(a, b)) < 0.15

    def test_golden(self):
        assert permutation(0, 0, 8).tolist() == [6, 4, 1, 7, 2, 3, 0, 5]
        assert permutation(7, 3, 5).tolist() == [2, 4, 3, 1, 0]


class TestStream:
    def test_pure_and_separate(self):
        draw = [torch.rand(1000, generator=stream(0, *keys)) for keys in [(1,), (1,), (2,), ("mix", 1), (1, "mix")]]
        assert torch.equal(draw[0], draw[1])
        for other in draw[2:]:
            assert abs(correlation(draw[0], other)) < 0.15

    def test_step_seeds_are_distinct_and_fit_torch(self):
        seeds = {step_seed(0, step) for step in range(20_000)} | {step_seed(1, step) for step in range(20_000)}
        assert len(seeds) == 40_000
        assert all(0 <= s < 2**63 for s in seeds)

    def test_order_of_keys_matters(self):
        assert len({hash_key(0, 1), hash_key(1, 0), hash_key(0), hash_key(0, 1, 0), hash_key("0", 1)}) == 5

    def test_golden(self):
        assert step_seed(0, 0) == 696049566414308860
        assert step_seed(1, 2, "x") == 751719507818342651


def test_no_global_random_state_is_read_or_changed():
    def state():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

    def draw():
        return uniforms(0, 0, np.arange(3), 2).tolist(), permutation(0, 0, 9).tolist(), stream(0, 1).initial_seed()

    before, first = state(), draw()
    assert state() == before
    torch.manual_seed(999)
    assert draw() == first
