"""Merging tokens: the matching is that of the paper written out, r = 0 is the plain model, and no patch is lost."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.models import create_model
from smalti.nn import Attention, _onednn, attend, merge_tokens
from smalti.nn.inference import for_inference
from smalti.nn.int8 import Int8Linear
from smalti.nn.merge import MergingBlocks, match, merge
from smalti.nn.packed import PackedLinear

IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
FITTING = {
    "class token": ("vit_nano_patch4_32", {}),
    "mean pool": ("vit_nano_patch4_32", {"pool": "mean", "layer_scale": 0.3, "qk_norm": True}),
    "map pool, fixed positions": ("vit_nano_patch4_32", {"pool": "map", "pos_embed": "sincos"}),
    "registers": ("vit_nano_patch4_32", {"reg_tokens": 3, "pos_prefix": False, "mlp": "swiglu"}),
    "distillation token": ("deit_tiny_distilled_patch16_224", {"img_size": 32, "patch_size": 4, "depth": 3}),
    "convolutional stem": ("cct_nano_patch4_32", {"conv_blocks": 0}),
    "a convolution in the first block": ("cct_nano_patch4_32", {}),
    "several patch sizes": ("flexivit_mini_32", {"patch_size": 4}),
}


def network(name: str, options: dict[str, object]) -> nn.Module:
    torch.manual_seed(0)
    made = create_model(name, num_classes=7, **options).eval()
    for parameter in made.parameters():  # biases, gates and heads are not zero in a trained model
        if parameter.ndim == 1 or parameter.shape[0] == 7:
            nn.init.normal_(parameter, 0.1, 0.2)
    return made


@torch.inference_mode()
def answers(module: nn.Module, images: Tensor = IMAGES) -> Tensor:
    return module(images)


def matched_by_hand(keys: Tensor, r: int, prefix: int) -> list[list[int]]:
    """Which tokens become one, one image (N, K): lists of positions, in the order of the tokens that come out."""
    patches = list(range(prefix, len(keys)))
    first, second = patches[::2], patches[1::2]
    pairs = []
    for i in first:
        likeness = [torch.cosine_similarity(keys[i], keys[j], dim=0).item() for j in second]
        best = max(range(len(second)), key=lambda place: likeness[place])
        pairs.append((likeness[best], i, second[best]))
    merged = {i: j for _, i, j in sorted(pairs, key=lambda pair: -pair[0])[:r]}
    groups = [[i] for i in range(prefix)] + [[i] for i in first if i not in merged]
    return groups + [[j] + [i for i in first if merged.get(i) == j] for j in second]


@settings(max_examples=60)
@given(patches=st.integers(2, 17), prefix=st.integers(0, 3), share=st.floats(0, 1), seed=st.integers(0, 1000))
def test_the_matching_is_that_of_the_paper_written_out(patches: int, prefix: int, share: float, seed: int):
    """Odd counts and as many as half included."""
    r = round(share * (patches // 2))
    keys = torch.randn(2, prefix + patches, 5, generator=torch.Generator().manual_seed(seed))
    matching = match(keys, r, prefix)
    assert matching.merged.shape == matching.target.shape == (2, r)
    for image, kept, found in zip(keys, matching.kept.tolist(), matching.into().tolist(), strict=True):
        groups = matched_by_hand(image, r, prefix)
        assert len(groups) == prefix + patches - r
        expected = {token: number for number, group in enumerate(groups) for token in group}
        assert kept == [group[0] for group in groups]
        assert found == [expected[token] for token in range(prefix + patches)]


def test_merged_tokens_are_means_of_all_patches_in_them():
    torch.manual_seed(0)
    patches, sizes, place = torch.randn(2, 13, 6), torch.ones(2, 13), torch.arange(13).expand(2, -1)
    x = patches
    for r in (4, 3, 2):  # keys of anything: what matters is where tokens go
        matching = match(torch.randn(2, x.shape[1], 5), r, 1)
        x, sizes = merge(x, sizes, matching)
        place = matching.into().gather(1, place)
    assert x.shape == (2, 4, 6)
    assert sizes.sum(1).tolist() == [13, 13]
    assert sizes.max() > 2
    for b in range(2):
        for token in range(4):
            inside = place[b] == token
            assert inside.sum() == sizes[b, token]
            torch.testing.assert_close(x[b, token], patches[b, inside].mean(0))


def test_a_token_that_is_not_merged_keeps_its_bits():
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.bfloat16):
        x, sizes = torch.randn(1, 9, 6, dtype=dtype), torch.tensor([[1.0, 3, 5, 1, 7, 1, 1, 2, 1]])
        matching = match(torch.randn(1, 9, 4), 2, 1)
        (out, _), into = merge(x, sizes, matching), matching.into()
        alone = [i for i in range(9) if (into[0] == into[0, i]).sum() == 1]
        assert len(alone) >= 5
        assert all(torch.equal(out[0, into[0, i]], x[0, i]) for i in alone)


def test_the_log_of_the_size_stands_for_copies():
    """Attention to one token of size 3 is attention to three equal ones."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 2, 5, 4).unbind(0)
    copies = torch.tensor([0, 1, 2, 2, 2, 3, 4, 4])
    sizes = torch.tensor([1.0, 1, 3, 1, 2])
    torch.testing.assert_close(
        attend(q, k, v, sizes.log()[None, None, None]), attend(q, k[:, :, copies], v[:, :, copies])
    )


@pytest.mark.parametrize("name", FITTING)
def test_merging_none_is_the_plain_model(name: str):
    module = network(*FITTING[name])
    assert torch.equal(answers(merge_tokens(copy.deepcopy(module), 0)), answers(module))


@pytest.mark.parametrize("name", FITTING)
@pytest.mark.parametrize("r", [1, 5, 1000])
def test_every_patch_comes_out_again_and_answers_stay_near(name: str, r: int):
    """Also where far more is asked for than half of the patches."""
    module = network(*FITTING[name])
    merging = merge_tokens(copy.deepcopy(module), r)
    with torch.inference_mode():
        plain, found = module.forward_features(IMAGES), merging.forward_features(IMAGES)
    assert found.shape == plain.shape
    distinct = len(found[0].unique(dim=0))
    patches, prefix = plain.shape[1] - module.num_prefix_tokens, module.num_prefix_tokens
    for block in module.blocks:
        patches -= min(r, patches // 2) if isinstance(block.attn, Attention) else 0
    assert distinct == prefix + patches
    off = (answers(merging) - answers(module)).abs().max() / answers(module).abs().max()
    assert 0 < off < (0.25 if r == 1 else 1)


@pytest.mark.parametrize("name", [name for name in FITTING if name != "a convolution in the first block"])
def test_equal_patches_may_be_merged_without_a_trace(name: str):
    """Where all patches are alike, one of size n is as good as n: attention and every pool weigh it so."""
    module = network(*FITTING[name])
    if module.pos_embed is not None:
        with torch.no_grad():
            module.pos_embed.zero_()
    images = torch.full((2, 3, 32, 32), 0.7)
    if name == "convolutional stem":  # its zeros at the edges tell patches apart
        module.patch_embed = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 64, 1), nn.Flatten(2), Transposed())
    merging = merge_tokens(copy.deepcopy(module), 16)
    torch.testing.assert_close(answers(merging, images), answers(module, images), rtol=1e-4, atol=1e-5)


class Transposed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def test_an_image_does_not_see_the_others_in_its_batch():
    merging = merge_tokens(network("vit_nano_patch4_32", {}), 6)
    images = torch.randn(5, 3, 32, 32)
    alone = torch.cat([answers(merging, image[None]) for image in images])
    torch.testing.assert_close(answers(merging, images), alone, rtol=1e-4, atol=1e-5)
    turned = answers(merging, images[[3, 1, 4, 0, 2]])
    torch.testing.assert_close(turned, alone[[3, 1, 4, 0, 2]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", FITTING)
def test_packed_weights_and_bf16(name: str, precision: str):
    """In bf16 keys are rounded, so another pair may be the more alike; answers stay finite and near."""
    merging = merge_tokens(network(*FITTING[name]), 5)
    expected = answers(merging)
    fast = for_inference(copy.deepcopy(merging), IMAGES, precision)  # type: ignore[arg-type]
    found = answers(fast)
    assert found.dtype == torch.float32
    bound = 1e-5 if precision == "fp32" else 0.25
    assert (found - expected).abs().max() <= bound * expected.abs().max()
    if _onednn.available(torch.float32):
        assert any(isinstance(part, PackedLinear) for part in fast.modules())


def test_blocks_that_are_packed_already_can_merge_too():
    module = network("vit_nano_patch4_32", {"layer_scale": 0.3})
    before = for_inference(merge_tokens(copy.deepcopy(module), 5), IMAGES, "fp32")
    after = merge_tokens(for_inference(copy.deepcopy(module), IMAGES, "fp32"), 5)
    torch.testing.assert_close(answers(after), answers(before), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not _onednn.int8_available(), reason="this CPU or torch has no int8 kernels")
def test_int8_is_calibrated_on_what_the_merging_blocks_see():
    images = torch.randn(32, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    merging = merge_tokens(network("vit_nano_patch4_32", {}), 4)
    expected = answers(merging, images)
    fast = for_inference(copy.deepcopy(merging), images, "int8")
    assert sum(isinstance(part, Int8Linear) for part in fast.modules()) == 6 * 4
    off = (answers(fast, images) - expected).abs()
    assert off.mean() <= 0.05 * expected.abs().max()


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("swin_mini_patch2_window4_32", {}, "no plain Transformer"),
        ("cnn_small_32", {}, "no plain Transformer"),
        ("bert_mini", {}, "no patches"),
        ("bert_mini", {"pos_embed": "rope"}, "no patches"),
        ("vit_nano_patch4_32", {"rope": "tokens"}, "rotary positions"),
        ("vit_nano_patch4_32", {"rel_bias": True}, "the offset between two tokens"),
    ],
)
def test_models_it_does_not_fit_are_refused(name: str, options: dict[str, object], why: str):
    with pytest.raises(InputError, match=rf"cannot be merged \(.*{why}.*\); leave merging out"):
        merge_tokens(create_model(name, **options), 4)


def test_numbers_below_zero_and_merging_twice_are_refused():
    module = create_model("vit_nano_patch4_32")
    with pytest.raises(InputError, match="merge = -1 is not 0 or more"):
        merge_tokens(module, -1)
    assert isinstance(merge_tokens(module, 2).blocks[0], MergingBlocks)
    with pytest.raises(InputError, match="no plain Transformer"):
        merge_tokens(module, 2)
