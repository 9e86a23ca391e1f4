"""Which precision a device gets, and what computing in bf16 does to outputs and gradients."""

import pytest
import torch
from torch import nn

from smalti.models import create_model
from smalti.nn.precision import ExactLinear, LastLinear, best_precision, exact_parameters, in_precision

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("avx512", "amx", "expected"), [(True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32")]
)
def test_precision_follows_what_the_cpu_has(avx512, amx, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    precision, reason = best_precision(torch.device("cpu"))
    assert precision == expected
    assert reason.startswith("this CPU has")


def test_precision_without_torchs_probes(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert best_precision(torch.device("cpu"))[0] == "fp32"


def test_fp32_is_the_model_itself():
    model = create_model("vit_nano_patch4_32")
    assert in_precision(model, "fp32") is model


@pytest.mark.parametrize(
    "options", [{}, {"layer_scale": 0.5, "qk_norm": True, "rope": "tokens", "mlp": "swiglu"}], ids=str
)
@pytest.mark.parametrize(
    "name",
    [
        "vit_nano_patch4_32",
        "cct_nano_patch4_32",
        "swin_mini_patch2_window4_32",
        "swinv2_mini_patch2_window4_32",
        "cnn_small_32",
        "mlp_small_32",
        "resnet18_32",
    ],
)
def test_bf16_gradients_reach_fp32_weights_and_point_the_same_way(name, options):
    if options and not name.startswith(("vit", "cct")):
        pytest.skip("options of a ViT")
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, **options).eval()
    nn.init.normal_(list(model.parameters())[-2], std=0.1)  # the head, which starts at zero
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)  # zero in a fresh Swin V2, which would hide its blocks

    def gradients(precision):
        model.zero_grad()
        logits = in_precision(model, precision)(IMAGES)
        assert logits.dtype == torch.float32
        logits.square().mean().backward()
        return logits.detach(), torch.cat([p.grad.flatten() for p in model.parameters()])

    (exact, wanted), (rounded, found) = gradients("fp32"), gradients("bf16")
    assert all(p.dtype == torch.float32 == p.grad.dtype for p in model.parameters())
    assert (rounded - exact).abs().max() <= 0.03 * exact.abs().max()
    assert torch.cosine_similarity(found, wanted, dim=0) > 0.999


def test_tokens_are_bf16_and_norms_keep_their_weights():
    model = create_model("vit_nano_patch4_32")
    seen = []
    for module in model.modules():
        if isinstance(module, nn.LayerNorm | nn.Linear):
            module.register_forward_hook(
                lambda m, args, out: seen.append((type(m), m.weight.dtype, args[0].dtype, out.dtype))
            )
    in_precision(model, "bf16")(IMAGES)
    bf16, fp32 = torch.bfloat16, torch.float32
    assert set(seen) == {
        (nn.Linear, bf16, bf16, bf16),
        (nn.LayerNorm, fp32, bf16, bf16),
        (LastLinear, fp32, bf16, fp32),
    }


def test_what_stays_exact_is_found_by_what_it_is():
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Sequential(nn.BatchNorm1d(2)), ExactLinear(2, 2))
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    head = ["3.weight", "3.bias"]
    assert list(exact_parameters(model, cpu)) == ["1.weight", "1.bias", "2.0.weight", "2.0.bias", *head]
    assert list(exact_parameters(model, cuda)) == head
    assert list(exact_parameters(model[1], cpu)) == ["weight", "bias"]


@pytest.mark.parametrize("where", ["autocast", "rounded"])
def test_the_last_layer_keeps_small_differences_of_large_numbers(where):
    head = ExactLinear(2, 1)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0.5]]))
        head.bias.fill_(2000.0)
    tokens = torch.tensor([[1.0, 0.0], [0.0, 0.5]])
    if where == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            found = head(tokens.bfloat16())
    else:
        found = in_precision(nn.Sequential(nn.Identity(), head), "bf16")(tokens)
    assert found.dtype == torch.float32
    assert found.flatten().tolist() == [2001.0, 2000.25]


def test_statistics_of_a_batch_norm_are_kept():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    in_precision(model, "bf16")(IMAGES)
    assert model[1].running_mean.abs().sum() > 0
    assert model[1].running_mean.dtype == torch.float32


@pytest.mark.parametrize("tied", [True, False])
def test_logits_from_the_table_that_embeds_are_a_bf16_product(tied):
    torch.manual_seed(0)
    model = create_model("gpt_char_mini", vocab_size=11, tied=tied)
    with torch.no_grad():
        logits = in_precision(model, "bf16")(torch.randint(11, (2, 9)))
    assert logits.dtype == torch.float32
    assert torch.equal(logits, logits.bfloat16().float()) == tied


def test_the_weights_of_rms_norm_are_rounded():
    """With fp32 weights beside bf16 tokens torch warns, and takes its slow way."""
    model = create_model("gpt_char_mini", vocab_size=11, norm="rms")
    assert "norm.weight" not in exact_parameters(model, torch.device("cpu"))
    assert in_precision(model, "bf16")(torch.randint(11, (2, 9))).isfinite().all()
