"""A cache gives back what was put in, and takes memory seldom."""

import pytest
import torch

from smalti.nn import Attention, Cache
from smalti.nn.cache import KeyValues


def test_it_gives_back_all_that_came_in_order():
    cache, keys, values = KeyValues(300), *torch.randn(2, 2, 3, 300, 4)
    pointers, end = set(), 0
    for n in (1, 5, 70, 1, 100, 123):
        k, v = cache.extend(keys[:, :, end : end + n], values[:, :, end : end + n])
        end += n
        assert torch.equal(k, keys[:, :, :end])
        assert torch.equal(v, values[:, :, :end])
        pointers.add(k.data_ptr())
    assert cache.length == 300
    assert len(pointers) == 4  # room for 64, 128, 256 and 300


@pytest.mark.parametrize(("dtype", "kept"), [(torch.float64, torch.float64), (torch.bfloat16, torch.float32)])
def test_it_is_as_exact_as_the_tokens_and_fp32_at_least(dtype: torch.dtype, kept: torch.dtype):
    k, v = torch.randn(2, 1, 1, 3, 4, dtype=dtype)
    for found, given in zip(KeyValues(9).extend(k, v), (k, v), strict=True):
        assert found.dtype == kept
        assert torch.equal(found, given.to(kept))


def test_room_is_doubled_up_to_the_end():
    cache = KeyValues(200)
    rooms = set()
    for _ in range(200):
        cache.extend(*torch.zeros(2, 1, 1, 1, 2))
        assert cache.kept is not None
        rooms.add(cache.kept[0].shape[2])
    assert rooms == {64, 128, 200}


def test_attention_with_a_cache_is_that_of_the_whole():
    torch.manual_seed(0)
    attention = Attention(16, 4, causal=True).eval()
    x = torch.randn(2, 9, 16)
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients):
            cache = Cache(1, 9)
            pieces = [attention(piece, cache=cache[0]).detach() for piece in x.split([4, 1, 3, 1], dim=1)]
            assert len(cache) == 9
            torch.testing.assert_close(torch.cat(pieces, 1), attention(x).detach(), rtol=1e-5, atol=1e-6)
