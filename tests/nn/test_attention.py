import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from smalti.nn import (
    Attention,
    CrossAttention,
    NoKeyBias,
    UnitNorm,
    attend,
    attention_weights,
    causal_mask,
    combine,
    padding_bias,
    rope_1d,
    rope_2d,
    rotate,
    sincos_1d,
    sincos_2d,
)
from smalti.nn.attention import softmax


def reference(attention: Attention, dim: int, heads: int) -> nn.MultiheadAttention:
    module = nn.MultiheadAttention(dim, heads, batch_first=True)
    module.in_proj_weight.data = attention.qkv.weight.data
    module.in_proj_bias.data = attention.qkv.bias.data
    module.out_proj.load_state_dict(attention.proj.state_dict())
    return module.eval()


@pytest.fixture
def tokens():
    torch.manual_seed(0)
    return torch.randn(3, 7, 16)


def test_equals_torch_with_and_without_a_mask(tokens):
    attention = Attention(16, 4).eval()
    torch.nn.init.normal_(attention.qkv.bias)
    theirs = reference(attention, 16, 4)
    for mask in (None, torch.rand(7, 7) > 0.3):
        if mask is not None:
            mask.fill_diagonal_(True)
        expected, weights = theirs(
            tokens, tokens, tokens, attn_mask=None if mask is None else ~mask, average_attn_weights=False
        )
        torch.testing.assert_close(attention(tokens, mask=mask), expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(attention.weights(tokens, mask=mask), weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("intel", [False, True])
@pytest.mark.parametrize("kind", ["no mask", "order", "a bias that learns"])
def test_kernels_agree_there_and_back(monkeypatch: pytest.MonkeyPatch, intel: bool, kind: str):
    """Whichever the processor asks for."""
    monkeypatch.setattr("smalti.nn.attention.is_intel", lambda: intel)
    monkeypatch.setattr("smalti.nn.attention.MANY", 1)
    q, k, v = torch.randn(3, 2, 4, 9, 8)
    mask = {"no mask": None, "order": causal_mask(9), "a bias that learns": torch.randn(1, 4, 9, 9)}[kind]
    given = [q, k, v] if mask is None or mask.dtype == torch.bool else [q, k, v, mask]
    with torch.no_grad():
        unlearned = attend(q, k, v, mask)
    for one in given:
        one.requires_grad_()
    found, wanted = attend(q, k, v, mask), attention_weights(q, k, mask) @ v
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(unlearned, wanted.detach(), rtol=1e-5, atol=1e-6)
    direction = torch.randn_like(wanted)
    gradients = (torch.autograd.grad(y, given, direction) for y in (found, wanted))
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("intel", "keys", "learns", "fused"),
    [(True, 128, True, True), (True, 127, True, False), (False, 128, True, False), (False, 9, False, True)],
)
def test_which_kernel_a_cpu_takes(monkeypatch: pytest.MonkeyPatch, intel: bool, keys: int, learns: bool, fused: bool):
    monkeypatch.setattr("smalti.nn.attention.is_intel", lambda: intel)
    real, calls = F.scaled_dot_product_attention, []
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *a, **k: calls.append(a) or real(*a, **k))
    q, k, v = torch.randn(3, 1, 2, keys, 8, requires_grad=learns)
    attend(q, k, v)
    attend(q.bfloat16(), k.bfloat16(), v.bfloat16())  # never there
    assert len(calls) == fused


@pytest.mark.parametrize("causal", [False, True])
def test_who_may_see_nothing_gets_nothing_whatever_the_kernel(causal: bool):
    q, k, v = torch.randn(3, 1, 2, 9, 8)
    mask = torch.rand(9, 9) > 0.3
    mask[:, 0], mask[3], mask[4, :5] = True, False, False  # the fifth sees only those behind it
    nothing = [3, 4] if causal else [3]
    fused = attend(q, k, v, mask, causal=causal)
    given = [one.requires_grad_() for one in (q, k, v)]
    plain = attend(*given, mask, causal=causal)
    torch.testing.assert_close(plain.detach(), fused, rtol=1e-5, atol=1e-6)
    assert not plain[:, :, nothing].any()
    assert all(one.isfinite().all() for one in torch.autograd.grad(plain.square().sum(), given))


def test_causal_attention_does_not_see_the_future(tokens):
    attention = Attention(16, 4, causal=True).eval()
    changed = tokens.clone()
    changed[:, 4:] += 1
    torch.testing.assert_close(attention(tokens)[:, :4], attention(changed)[:, :4], rtol=0, atol=0)
    assert (attention(tokens)[:, 4:] - attention(changed)[:, 4:]).abs().max() > 1e-3


def test_the_causal_order_is_a_mask_whatever_the_kernel():
    for N, M in ((9, 9), (3, 9), (1, 9)):
        q, (k, v) = torch.randn(2, 4, N, 8), torch.randn(2, 2, 4, M, 8)
        order, hidden = causal_mask(N, num_keys=M), padding_bias(torch.rand(2, M) > 0.3)
        for mask in (None, hidden, torch.rand(N, M) > 0.1):
            wanted = attention_weights(q, k, combine(mask, order)) @ v
            real = wanted.isfinite()
            for gradients in (True, False):
                found = attend(q.clone().requires_grad_(gradients), k, v, mask, causal=True).detach()
                torch.testing.assert_close(found[real], wanted[real], rtol=1e-5, atol=1e-6)
    assert torch.equal(order, torch.ones(1, 9, dtype=torch.bool))
    assert causal_mask(2, num_keys=4).tolist() == [[True, True, True, False], [True] * 4]


def test_cross_attention_equals_torch(tokens):
    cross, theirs = CrossAttention(16, 4).eval(), nn.MultiheadAttention(16, 4, batch_first=True).eval()
    theirs.in_proj_weight.data = torch.cat([cross.q.weight.data, cross.kv.weight.data])
    theirs.in_proj_bias.data = torch.cat([cross.q.bias.data, cross.kv.bias.data])
    theirs.out_proj.load_state_dict(cross.proj.state_dict())
    source, real = torch.randn(3, 5, 16), torch.arange(5) < torch.tensor([[5], [3], [1]])
    expected, weights = theirs(tokens, source, source, key_padding_mask=~real, average_attn_weights=False)
    context = cross.context(source, padding_bias(real))
    torch.testing.assert_close(cross(tokens, context=context), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(cross.weights(tokens, context=context), weights, rtol=1e-5, atol=1e-6)


def test_padding_does_not_change_what_is_before_it(tokens):
    attention = Attention(16, 4, causal=True).eval()
    lengths = torch.tensor([7, 5, 2])
    masked = attention(tokens, mask=padding_bias(torch.arange(7) < lengths[:, None]))
    for row, length in enumerate(lengths):
        alone = attention(tokens[row : row + 1, :length])
        torch.testing.assert_close(masked[row : row + 1, :length], alone, rtol=1e-5, atol=1e-6)


def test_masks_combine_as_both_or_as_a_bias():
    allow, bias = torch.tensor([[True, False], [True, True]]), torch.randn(2, 2)
    assert combine(None, None) is None
    assert torch.equal(combine(allow, None), allow)
    assert torch.equal(combine(allow, causal_mask(2)), allow & causal_mask(2))
    both = combine(allow, bias)
    assert both[0, 1] == -torch.inf
    assert torch.equal(both[allow], bias[allow])
    q = k = torch.randn(1, 1, 2, 4)
    assert attention_weights(q, k, both)[0, 0, 0, 1] == 0


def test_a_bias_without_keys_has_none_whatever_stands_there(tokens):
    attention = Attention(16, 4, qkv=NoKeyBias(16), k_norm=UnitNorm())
    torch.nn.init.normal_(attention.qkv.bias)
    x = torch.zeros_like(tokens)  # only the bias is left
    q, k, v = attention.project(x)
    assert not k.any()
    torch.testing.assert_close(q[0, :, 0].flatten(), attention.qkv.bias[:16])
    torch.testing.assert_close(v[0, :, 0].flatten(), attention.qkv.bias[32:])
    attention(tokens).square().sum().backward()
    assert not attention.qkv.bias.grad[16:32].any()
    assert attention.qkv.bias.grad[:16].all()


def test_dropout_acts_on_the_weights_in_training_only(tokens):
    attention = Attention(16, 4, attn_drop=0.5)
    plain = Attention(16, 4)
    plain.load_state_dict(attention.state_dict())
    torch.testing.assert_close(attention.eval()(tokens), plain.eval()(tokens), rtol=1e-5, atol=1e-6)
    assert (attention.train()(tokens) - plain(tokens)).abs().max() > 1e-3


def test_with_dropout_the_future_stays_hidden(tokens):
    tokens.requires_grad_()
    Attention(16, 4, causal=True, attn_drop=0.5)(tokens)[:, 2].sum().backward()
    assert tokens.grad[:, :3].any()
    assert not tokens.grad[:, 3:].any()


def test_dropout_that_rests_leaves_the_kernel_alone(monkeypatch: pytest.MonkeyPatch):
    real, rates = F.scaled_dot_product_attention, []
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *a, **k: rates.append(k["dropout_p"]) or real(*a, **k)
    )
    attention, x = Attention(16, 4, attn_drop=0.5), torch.randn(1, 3, 16)
    with torch.no_grad():
        attention.eval()(x)
        assert rates == [0]
        attention.train()(x)  # on a CPU the kernel has none
        assert rates == [0]
        attention.to("meta")(x.to("meta"))
    assert rates == [0, 0.5]


def test_rotation_keeps_lengths_and_depends_on_distance_only():
    rope = rope_2d((4, 5), 16)
    q, k = torch.randn(2, 1, 1, 1, 16)
    turned_q, turned_k = (rotate(x.expand(1, 1, 20, 16), rope) for x in (q, k))
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm(dim=-1).expand(1, 1, 20))
    scores = (turned_q @ turned_k.transpose(-2, -1))[0, 0].view(4, 5, 4, 5)
    torch.testing.assert_close(scores[0, 0, 2, 3], scores[1, 1, 3, 4], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scores[2, 3, 1, 1], scores[3, 4, 2, 2], rtol=1e-4, atol=1e-5)
    assert (scores[0, 0, 2, 3] - scores[0, 0, 3, 2]).abs() > 1e-4


def test_rotation_by_the_place_in_a_text_depends_on_distance_only():
    rope = rope_1d(9, 6)
    q, k = torch.randn(2, 1, 1, 1, 6)
    turned_q, turned_k = (rotate(x.expand(1, 1, 9, 6), rope) for x in (q, k))
    scores = (turned_q @ turned_k.transpose(-2, -1))[0, 0]
    torch.testing.assert_close(scores[2, 5], scores[4, 7], rtol=1e-4, atol=1e-5)
    assert (scores[2, 5] - scores[5, 2]).abs() > 1e-4
    torch.testing.assert_close(scores.diagonal(), (q @ k.transpose(-2, -1))[0, 0, 0].expand(9), rtol=1e-4, atol=1e-5)


def test_sincos_positions_of_a_text_are_the_papers():
    table = sincos_1d(12, 8)
    for place in (0, 5, 11):
        angles = [place / 10_000 ** (2 * i / 8) for i in range(4)]
        wanted = [*map(math.sin, angles), *map(math.cos, angles)]
        assert table[place].tolist() == pytest.approx(wanted, abs=1e-6)


def test_prefix_tokens_are_not_turned():
    rope = rope_2d((2, 2), 8, num_prefix_tokens=1)
    assert rope.shape == (2, 5, 8)
    x = torch.randn(1, 1, 5, 8)
    assert torch.equal(rotate(x, rope)[:, :, 0], x[:, :, 0])


def test_sincos_positions_are_distinct_and_equal_moco_and_mae():
    table = sincos_2d((3, 4), 16)
    assert torch.unique(table.round(decimals=5), dim=0).shape == (12, 16)
    y, x = 2, 3  # row 2, column 3 by the formula of the paper's code: x first, sine before cosine
    frequencies = 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
    expected = torch.cat(
        [(x * frequencies).sin(), (x * frequencies).cos(), (y * frequencies).sin(), (y * frequencies).cos()]
    )
    torch.testing.assert_close(table[2 * 4 + 3], expected.float())


@pytest.mark.parametrize("keys", [8, 16, 17, 31, 32, 65])
def test_softmax_of_bf16_is_that_of_fp32_rounded_with_its_gradient(keys):
    scores = torch.randn(3, 5, keys).bfloat16().requires_grad_()
    exact = scores.detach().float().requires_grad_()
    found, wanted, gradient = softmax(scores), exact.softmax(-1), torch.randn(3, 5, keys).bfloat16()
    found.backward(gradient)
    wanted.backward(gradient.float())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=2**-8, atol=0)
    torch.testing.assert_close(scores.grad.float(), exact.grad, rtol=2**-6, atol=2**-8)
