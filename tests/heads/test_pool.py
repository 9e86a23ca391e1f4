import torch
from torch import nn

from smalti.heads import ClsPool, MapPool, MeanPool, SeqPool
from smalti.models import create_model
from smalti.nn import attention_maps
from smalti.nn.lora import add_lora


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


def test_map_pool_equals_torch():
    pool, theirs = MapPool(16, 4, hidden_dim=32, norm=nn.LayerNorm(16)), nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.in_proj_weight.data = torch.cat([pool.q.weight.data, pool.kv.weight.data])
    theirs.in_proj_bias.data = torch.cat([pool.q.bias.data, pool.kv.bias.data])
    theirs.out_proj.load_state_dict(pool.proj.state_dict())
    x = torch.randn(3, 5, 16)
    y, weights = theirs(pool.latent.expand(3, -1, -1), x, x, average_attn_weights=False)
    torch.testing.assert_close(pool(x), (y + pool.mlp(pool.norm(y)))[:, 0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(pool.weights(x), weights, rtol=1e-5, atol=1e-6)


def test_the_pool_has_a_map_and_learns_by_low_rank_parts():
    model = create_model("vit_nano_patch4_32", pool="map")
    with torch.no_grad(), attention_maps(model) as maps:
        model(torch.randn(2, 3, 32, 32))
    assert maps["pool"].shape == (2, 4, 1, 65)
    add_lora(model, 2)
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert {"pool.q", "pool.kv", "pool.proj"} <= {name.partition(".parametrizations")[0] for name in learning}
