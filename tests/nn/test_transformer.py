import pytest
import torch
from torch import nn

from smalti.nn import (
    Attention,
    Block,
    CrossAttention,
    DecoderBlock,
    DropPath,
    LayerScale,
    Mlp,
    PostNormResidual,
    Residual,
    ResPostNormResidual,
    Transformer,
)


def block(dim: int = 16, **parts) -> Block:
    return Block(nn.LayerNorm(dim), Attention(dim, 4), nn.LayerNorm(dim), Mlp(dim, 4 * dim), **parts)


def test_equals_torchs_encoder_layer():
    torch.manual_seed(0)
    ours = block().eval()
    theirs = nn.TransformerEncoderLayer(
        16, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    theirs.self_attn.in_proj_weight.data = ours.attn.qkv.weight.data
    theirs.self_attn.in_proj_bias.data = ours.attn.qkv.bias.data
    theirs.self_attn.out_proj.load_state_dict(ours.attn.proj.state_dict())
    theirs.linear1.load_state_dict(ours.mlp.fc1.state_dict())
    theirs.linear2.load_state_dict(ours.mlp.fc2.state_dict())
    x = torch.randn(2, 6, 16)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_the_residual_is_the_formula():
    norm, fn, gate = nn.LayerNorm(8), nn.Linear(8, 8), LayerScale(8, 0.3)
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(Residual()(x, norm, fn, gate), x + 0.3 * fn(norm(x)))


def test_the_post_norm_residual_is_the_formula():
    norm, fn, gate = nn.LayerNorm(8), nn.Linear(8, 8), LayerScale(8, 0.3)
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(ResPostNormResidual()(x, norm, fn, gate), x + 0.3 * norm(fn(x)))


def test_a_gate_of_zero_is_the_identity():
    x = torch.randn(2, 3, 16)
    assert torch.equal(block(ls1=LayerScale(16, 0.0), ls2=LayerScale(16, 0.0))(x), x)


def test_another_wiring_is_another_small_class():
    made = block(residual=PostNormResidual()).eval()
    x = torch.randn(2, 6, 16)
    middle = made.norm1(x + made.attn(x))
    torch.testing.assert_close(made(x), made.norm2(middle + made.mlp(middle)))


def test_what_a_block_does_not_know_is_refused():
    with pytest.raises(TypeError, match="masks"):
        block()(torch.randn(1, 2, 16), masks=None)


def test_a_third_residual_reads_another_text():
    made = DecoderBlock(
        nn.LayerNorm(16),
        Attention(16, 4, causal=True),
        nn.LayerNorm(16),
        Mlp(16, 32),
        norm_cross=nn.LayerNorm(16),
        cross=CrossAttention(16, 4),
    )
    x, source = torch.randn(2, 6, 16), torch.randn(2, 3, 16)
    context = made.cross.context(source)
    y = x + made.attn(made.norm1(x))
    y = y + made.cross(made.norm_cross(y), context=context)
    y = y + made.mlp(made.norm2(y))
    torch.testing.assert_close(made(x, context=context), y)


def test_blocks_come_from_the_factory_in_order():
    trunk = Transformer(lambda i: block(residual=Residual(i / 10)), depth=3, norm=nn.LayerNorm(16))
    assert [getattr(b.residual.drop_path, "rate", 0) for b in trunk.blocks] == pytest.approx([0, 0.1, 0.2])
    trunk.eval()
    x = y = torch.randn(2, 5, 16)
    for one in trunk.blocks:
        y = one(y)
    torch.testing.assert_close(trunk(x), trunk.norm(y))


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    drop = DropPath(0.25)
    x = torch.ones(20_000, 2, 3)
    y = drop(x)
    assert sorted(y.unique().tolist()) == pytest.approx([0.0, 4 / 3])
    assert torch.equal(y.amin((1, 2)), y.amax((1, 2)))
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(drop.eval()(x), x)
