import torch

from smalti.heads import ClsPool, MeanPool, SeqPool


def test_pools_read_what_they_say():
    x = torch.randn(2, 5, 8)
    assert torch.equal(ClsPool()(x), x[:, 0])
    torch.testing.assert_close(MeanPool(1)(x), x[:, 1:].mean(1))
    torch.testing.assert_close(MeanPool()(x), x.mean(1))


def test_seq_pool_is_a_weighted_mean_and_the_plain_one_without_weights():
    x = torch.randn(2, 5, 8)
    pool = SeqPool(8)
    weights = pool.attention(x).softmax(1)
    torch.testing.assert_close(pool(x), (weights * x).sum(1))
    torch.nn.init.zeros_(pool.attention.weight)
    torch.testing.assert_close(pool(x), x.mean(1))
