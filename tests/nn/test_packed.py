"""Inference on packed weights gives the answers of the plain module, and falls back where it cannot be had."""

import copy
import platform
import weakref

import pytest
import torch
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.models import create_model
from smalti.nn import _onednn, attention_maps
from smalti.nn.inference import disagreement, for_inference
from smalti.nn.packed import PackedLinear, packed

PRESETS = {
    "plain": ("vit_nano_patch4_32", {}),
    "every option": (
        "vit_nano_patch4_32",
        {"layer_scale": 0.3, "qk_norm": True, "rope": "tokens", "mlp": "swiglu", "pool": "map", "pre_logits": 24},
    ),
    "gated": ("vit_nano_patch4_32", {"layer_scale": 0.3, "pool": "mean", "qkv_bias": False}),
    "bias of offsets": ("vit_nano_patch4_32", {"rel_bias": True, "pos_embed": "none", "layer_scale": 0.3}),
    "EVA-02": (
        "vit_nano_patch4_32",
        {"rope": "sixteen", "mlp": "swiglu_norm", "k_bias": False, "pool": "mean"},
    ),
    "convolutional stem": ("cct_nano_patch4_32", {}),
    "windows": ("swin_mini_patch2_window4_32", {}),
    "windows, cosines": ("swinv2_mini_patch2_window4_32", {}),
    "CNN": ("cnn_small_32", {}),
    "MLP": ("mlp_small_32", {"act": "gelu"}),
    "ResNet": ("resnet18_32", {}),
    "ConvNeXt": ("convnext_tiny_224", {"img_size": 32}),
}
IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=PRESETS.values(), ids=PRESETS)
def module(request: pytest.FixtureRequest) -> nn.Module:
    name, options = request.param
    torch.manual_seed(0)
    made = create_model(name, num_classes=7, **options)
    for parameter in made.parameters():  # biases, gates and the head are not zero in a trained model
        if parameter.ndim == 1 or parameter.shape[0] == 7:
            nn.init.normal_(parameter, 0.1, 0.2)
    return made.eval()


@torch.inference_mode()
def answers(module: nn.Module, images: Tensor = IMAGES) -> Tensor:
    return module(images)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="measured on x86 only")
def test_the_private_ops_are_there_and_right():
    assert _onednn.available(torch.float32)


def test_fp32_answers_are_those_of_the_plain_module(module: nn.Module):
    expected = answers(module)
    found = answers(for_inference(copy.deepcopy(module), IMAGES, "fp32"))
    assert (found - expected).abs().max() <= 2e-6 * expected.abs().max()


def test_bf16_answers_are_near_and_come_in_fp32(module: nn.Module):
    expected = answers(module)
    found = answers(for_inference(copy.deepcopy(module), IMAGES, "bf16"))
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= 0.03 * expected.abs().max()


def test_without_the_private_ops_the_module_is_only_cast(module: nn.Module, monkeypatch: pytest.MonkeyPatch):
    def gone(*args: object) -> Tensor:
        raise AttributeError("no such op")

    monkeypatch.setattr(_onednn, "pack", gone)
    _onednn.available.cache_clear()
    try:
        expected = answers(module)
        plain = for_inference(copy.deepcopy(module), IMAGES, "fp32")
        assert not any(isinstance(part, PackedLinear) for part in plain.modules())
        assert (answers(plain) - expected).abs().max() <= 2e-6 * expected.abs().max()
    finally:
        _onednn.available.cache_clear()


def test_wrong_ops_are_not_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_onednn, "linear_gelu", _onednn.linear)
    _onednn.available.cache_clear()
    try:
        assert not _onednn.available(torch.float32)
    finally:
        _onednn.available.cache_clear()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="measured on x86 only")
def test_weights_are_held_once():
    """The plain weights are let go: a packed model takes no more memory than it did."""
    module = packed(create_model("vit_nano_patch4_32").eval())
    left = sum(p.numel() for name, p in module.named_parameters() if ".attn." in name or ".mlp." in name)
    assert left == 0
    assert sum(isinstance(part, PackedLinear) for part in module.modules()) == 6 * 4  # the head stays


@pytest.mark.skipif(platform.machine() != "x86_64", reason="measured on x86 only")
def test_plain_weights_go_while_others_are_packed(monkeypatch: pytest.MonkeyPatch):
    module = create_model("vit_nano_patch4_32").eval()
    plain = [weakref.ref(part) for part in module.blocks.modules() if type(part) is nn.Linear]
    alive, pack = [], _onednn.pack

    def watched(weight: Tensor) -> Tensor:
        alive.append(sum(layer() is not None for layer in plain))
        return pack(weight)

    assert _onednn.available(torch.float32)
    monkeypatch.setattr(_onednn, "pack", watched)
    packed(module)
    assert len(alive) == len(plain)
    assert all(now <= len(plain) - done + 1 for done, now in enumerate(alive))  # and the one replaced last


def test_attention_maps_of_a_packed_model():
    torch.manual_seed(0)
    module = create_model("vit_nano_patch4_32").eval()
    with attention_maps(module) as plain, torch.inference_mode():
        module(IMAGES)
    fast = for_inference(copy.deepcopy(module), IMAGES, "fp32")
    with attention_maps(fast) as maps, torch.inference_mode():
        fast(IMAGES)
    assert maps.keys() == plain.keys()
    torch.testing.assert_close(maps["blocks.5.attn"], plain["blocks.5.attn"])


class Sensitive(nn.Module):
    """Sees what bf16 rounds away."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1000.0], [-1000.0]]))

    def forward(self, images: Tensor) -> Tensor:
        sums = torch.stack([images.flatten(1)[:, 0] + 1, images.flatten(1)[:, 0] * 0 + 1], 1)  # (B, 2)
        return sums @ self.weight


def test_a_model_that_disagrees_in_bf16_stays_in_fp32(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("smalti.nn.inference.best_precision", lambda device: ("bf16", "told so"))
    example = torch.full((1, 1, 1, 1), 1e-3)
    assert disagreement(Sensitive(), example) > 0.5
    chosen = for_inference(Sensitive(), example)
    assert next(chosen.parameters()).dtype == torch.float32
    torch.testing.assert_close(answers(chosen, example), torch.tensor([[1.0]]), rtol=1e-3, atol=0)
    near = create_model("vit_nano_patch4_32").eval()
    assert next(for_inference(near, IMAGES).parameters()).dtype == torch.bfloat16


def test_a_year_does_not_hide_what_bf16_moves():
    torch.manual_seed(0)
    module = create_model("vit_nano_patch4_32", num_classes=1).eval()
    nn.init.normal_(module.head.weight, std=0.2)
    near = disagreement(module, IMAGES)
    nn.init.constant_(module.head.bias, 1987.0)
    assert near > 1e-4
    assert disagreement(module, IMAGES) == pytest.approx(near, rel=0.05)


def test_a_large_unit_does_not_hide_a_small_one():
    torch.manual_seed(0)
    module = create_model("vit_nano_patch4_32", num_classes=2).eval()
    nn.init.normal_(module.head.weight, std=0.2)
    near = disagreement(module, IMAGES)
    with torch.no_grad():
        module.head.weight[1] *= 10_000
    assert disagreement(module, IMAGES) == pytest.approx(near, rel=0.05)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_gradients_are_refused_not_zero(precision):
    if precision == "int8" and not _onednn.int8_available():
        pytest.skip("this processor has no exact int8")
    if not _onednn.available(torch.float32):
        pytest.skip("nothing is packed here")
    module = for_inference(create_model("vit_nano_patch4_32").eval(), torch.randn(16, 3, 32, 32), precision)
    assert not module(IMAGES).requires_grad
    with pytest.raises(InputError, match=r"no gradients.*read_model"):
        module(IMAGES.clone().requires_grad_())
    assert module(IMAGES[:0]).shape == (0, 10)
