"""int8 layers compute what their scales and zero points say, and fall back on nothing: they are asked for."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.models import create_model
from smalti.nn import _onednn
from smalti.nn._onednn import QParams
from smalti.nn.inference import for_inference
from smalti.nn.int8 import Int8Linear, input_qparams, int8

pytestmark = pytest.mark.skipif(not _onednn.int8_available(), reason="this CPU or torch has no int8 kernels")

IMAGES = torch.randn(32, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def network(**options: object) -> nn.Module:
    """Random throughout: mimetic attention takes values off again, so that untrained little but rounding is left."""
    torch.manual_seed(0)
    made = create_model("vit_nano_patch4_32", num_classes=7, init="random", **options).eval()
    nn.init.normal_(made.head.weight, 0.0, 0.2)
    return made


@torch.inference_mode()
def answers(module: nn.Module, images: Tensor = IMAGES) -> Tensor:
    return module(images)


def rounded(x: Tensor, qparams: QParams) -> Tensor:
    """What bytes say of x."""
    scale, zero_point = qparams
    return ((x / scale).round() + zero_point).clamp(0, 255).sub(zero_point) * scale


def test_a_layer_is_the_float_layer_on_rounded_numbers():
    torch.manual_seed(0)
    linear, x, qparams = nn.Linear(24, 10), torch.randn(5, 7, 24), QParams(0.03, 120)
    steps = linear.weight.detach().abs().amax(1, keepdim=True) / 127
    expected = F.linear(rounded(x, qparams), (linear.weight.detach() / steps).round() * steps, linear.bias)
    found = Int8Linear(linear, qparams, torch.float32)(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_bytes_go_on_as_bytes():
    """A first layer that gives the second one bytes differs from one that gives floats by the rounding in between."""
    torch.manual_seed(0)
    first, second, x = nn.Linear(24, 96), nn.Linear(96, 24), torch.randn(5, 24)
    qparams, between = QParams(0.03, 120), QParams(0.02, 9)
    with torch.inference_mode():
        bytes_ = Int8Linear(first, qparams, torch.float32, gelu=True, out_qparams=between)(x)
        assert bytes_.dtype == torch.uint8
        floats = Int8Linear(first, qparams, torch.float32, gelu=True)(x)
        torch.testing.assert_close((bytes_.float() - 9) * 0.02, rounded(floats, between), atol=0.021, rtol=0)
        last = Int8Linear(second, between, torch.float32)
        torch.testing.assert_close(last(bytes_), last((bytes_.float() - 9) * 0.02))


def test_bytes_span_what_was_seen_and_hold_zero():
    module = network()
    seen: list[Tensor] = []
    module.blocks[2].mlp.fc1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    found = input_qparams(module, IMAGES)
    assert len(found) == 6 * 4
    scale, zero_point = found["blocks.2.mlp.fc1"]
    low, high = (bound.item() for bound in torch.cat(seen).aminmax())
    assert scale * (0 - zero_point) == pytest.approx(low, abs=scale)
    assert scale * (255 - zero_point) == pytest.approx(high, abs=scale)
    assert not module.blocks[2].attn.qkv._forward_pre_hooks


@pytest.mark.parametrize("options", [{}, {"layer_scale": 0.3, "mlp": "swiglu"}, {"qkv_bias": False, "qk_norm": True}])
def test_answers_stay_near(options: dict[str, object]):
    module = network(**options)
    expected = answers(module)
    changed = int8(copy.deepcopy(module), IMAGES, torch.float32)
    assert not any(type(part) is nn.Linear for block in changed.blocks for part in block.modules())
    assert 0 < (answers(changed) - expected).abs().max() <= 0.15 * expected.abs().max()


def test_for_inference_takes_and_gives_fp32():
    module = network()
    expected = answers(module)
    found = answers(for_inference(copy.deepcopy(module), IMAGES, "int8"))
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= 0.1 * expected.abs().max()
    assert (found.argmax(1) == expected.argmax(1)).float().mean() >= 0.85  # random weights: margins are small


def test_a_processor_that_overflows_is_not_used(monkeypatch: pytest.MonkeyPatch):
    exact = _onednn.linear_int8
    monkeypatch.setattr(_onednn, "linear_int8", lambda *args, **options: exact(*args, **options).clamp(max=100))
    _onednn.int8_available.cache_clear()
    try:
        assert not _onednn.int8_available()
        with pytest.raises(InputError, match="no int8"):
            for_inference(network(), IMAGES, "int8")
    finally:
        _onednn.int8_available.cache_clear()
