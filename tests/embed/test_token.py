"""Ids, places and padding."""

import torch

from smalti.embed import AddedPositions, RotaryPositions, TokenEmbed, is_padded, placed, real_first
from smalti.nn import Cache, rope_1d, sincos_1d

PLAIN = torch.tensor([[3, 1, 2], [0, 4, 4]])
PADDED = torch.tensor([[-1, -1, 3, 1], [2, 0, -1, -1], [-1, 5, -1, 6], [-1, -1, -1, -1]])


def test_padding_is_found():
    assert not is_padded(PLAIN)
    assert is_padded(PADDED)
    assert not is_padded(PADDED.to("meta"))
    assert not is_padded(PADDED[:0])


def test_an_embedding_takes_padding():
    embed = TokenEmbed(7, 4)
    assert torch.equal(embed(PLAIN), embed.weight[PLAIN])
    assert embed(PADDED).shape == (4, 4, 4)


def test_plain_texts_need_no_mask():
    place, mask = placed(PLAIN)
    assert (place, mask) == (slice(0, 3), None)


def test_places_count_real_tokens():
    place, mask = placed(PADDED)
    assert isinstance(place, torch.Tensor)
    assert mask is not None
    assert torch.equal(place[PADDED >= 0], torch.tensor([0, 1, 0, 1, 0, 1]))
    assert torch.equal(mask[:, 0, 0] == 0, PADDED >= 0)
    assert mask.isfinite().all()


def test_a_continuation_counts_on():
    cache = Cache(1, 20)
    placed(PADDED, cache)
    cache[0].extend(*torch.zeros(2, 4, 1, 4, 1))
    place, mask = placed(torch.full((4, 2), 3), cache)
    assert isinstance(place, torch.Tensor)
    assert mask is not None
    assert place.tolist() == [[2, 3], [2, 3], [2, 3], [0, 1]]
    assert mask.shape == (4, 1, 1, 6)


def test_padding_that_comes_late_is_hidden_too():
    cache = Cache(1, 20)
    placed(PLAIN, cache)
    cache[0].extend(*torch.zeros(2, 2, 1, 3, 1))
    place, mask = placed(torch.tensor([[1, 2], [-1, 2]]), cache)
    assert isinstance(place, torch.Tensor)
    assert mask is not None
    assert place.tolist() == [[3, 4], [2, 3]]
    assert (mask[:, 0, 0] == 0).tolist() == [[True] * 5, [True, True, True, False, True]]


def test_real_tokens_go_first_in_their_order():
    tokens, others = real_first(PADDED, torch.arange(16).view(4, 4))
    assert tokens.tolist() == [[3, 1, -1, -1], [2, 0, -1, -1], [5, 6, -1, -1], [-1, -1, -1, -1]]
    assert others[0].tolist() == [2, 3, 0, 1]
    assert real_first(PLAIN) == (PLAIN,)


def test_positions_are_those_of_the_place():
    x, where = torch.randn(2, 3, 8), torch.tensor([[0, 1, 2], [2, 3, 4]])
    added = AddedPositions(sincos_1d(6, 8), learned=False)
    turning = RotaryPositions(rope_1d(6, 4))
    for place, rows in ((slice(1, 4), torch.arange(1, 4).expand(2, -1)), (where, where)):
        placed_x, nothing = added(x, place)
        torch.testing.assert_close(placed_x - x, added.table[rows])
        assert nothing is None
        same, rope = turning(x, place)
        assert same is x
        for part, table in zip(rope, turning.table, strict=True):
            assert torch.equal(part.expand(2, 1, 3, 4)[:, 0], table[rows])
    assert not list(added.state_dict())
    assert list(AddedPositions(torch.zeros(3, 2), learned=True).state_dict()) == ["table"]
