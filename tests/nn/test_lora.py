"""Low-rank adaption: nothing changes at first, only the small parts learn, and merged it is the plain model."""

import copy

import pytest
import torch

from smalti.models import create_model
from smalti.nn.lora import LowRank, add_lora, merge_lora
from smalti.nn.precision import in_precision

PRESETS = ["vit_mini_patch4_32", "swin_mini_patch2_window4_32", "cct_mini_patch4_32"]


def model(preset: str):
    torch.manual_seed(0)
    made = create_model(preset, num_classes=3)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made


def test_the_sum_is_what_the_paper_says():
    part = LowRank((5, 7), rank=2)
    torch.nn.init.normal_(part.b)
    weight = torch.randn(5, 7)
    torch.testing.assert_close(part(weight), weight + part.b @ part.a)


@pytest.mark.parametrize("preset", PRESETS)
def test_it_starts_as_it_was_and_merges_to_the_plain_model(preset):
    plain = model(preset).eval()
    tuned = copy.deepcopy(plain)
    add_lora(tuned, rank=4)
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(tuned(images), plain(images))
    for name, parameter in tuned.named_parameters():
        if name.endswith(".b"):
            torch.nn.init.normal_(parameter, std=0.1)
    expected = tuned(images)
    assert not torch.allclose(expected, plain(images))
    merge_lora(tuned)
    assert tuned.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(tuned(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_only_the_small_parts_and_the_head_learn(preset, precision):
    tuned = model(preset).train()
    frozen = {name: p.clone() for name, p in tuned.named_parameters() if not name.startswith("head")}
    add_lora(tuned, rank=4)
    learning = [p for p in tuned.parameters() if p.requires_grad]
    assert 0 < sum(p.numel() for p in learning) < 0.3 * sum(p.numel() for p in tuned.parameters())
    for _ in range(2):  # the first step moves B only, since B is zero
        in_precision(tuned, precision)(torch.randn(4, 3, 32, 32)).square().mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in learning)
        torch.optim.SGD(learning, lr=0.1).step()
    originals = {
        name.replace(".parametrizations.weight.original", ".weight"): p for name, p in tuned.named_parameters()
    }
    assert all(torch.equal(originals[name], value) for name, value in frozen.items())
    assert any(p.abs().sum() > 0 for name, p in tuned.named_parameters() if name.endswith(".b"))
