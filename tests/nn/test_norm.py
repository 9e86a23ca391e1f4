"""Queries and keys of a length make scores that are cosines."""

import copy

import pytest
import torch

from smalti.nn import ScaledUnitNorm, UnitNorm, attention_weights


def test_scores_are_cosines_times_a_scale_of_at_most_100():
    torch.manual_seed(0)
    q, k = torch.randn(2, 2, 3, 5, 8)  # (B, H, N, K) each
    queries = ScaledUnitNorm(3)
    with torch.no_grad():
        queries.logit_scale.copy_(torch.tensor([0.5, 10.0, 1000.0]).log().view(3, 1, 1))
    cosines = torch.cosine_similarity(q[..., :, None, :], k[..., None, :, :], dim=-1)
    expected = (cosines * torch.tensor([0.5, 10.0, 100.0]).view(3, 1, 1)).softmax(-1)
    for length in (1.0, 1e-3, 1e3):
        found = attention_weights(queries(q * length), UnitNorm()(k / length))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("norm", [UnitNorm(), ScaledUnitNorm(2)])
def test_in_bf16_lengths_are_as_near_as_bf16_is(norm):
    x = torch.randn(3, 2, 7, 64)
    found = norm(x.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), norm(x.bfloat16().float()), rtol=2**-8, atol=0)


def test_nothing_has_no_direction_and_stays():
    assert torch.equal(UnitNorm()(torch.zeros(1, 1, 2, 4)), torch.zeros(1, 1, 2, 4))


@pytest.mark.parametrize("norm", [UnitNorm(), ScaledUnitNorm(2)])
def test_in_fp64_it_is_as_exact_as_that(norm):
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert norm(x).dtype == torch.float64
    assert torch.autograd.gradcheck(copy.deepcopy(norm).double(), x)
