"""One set of weights in models of other sizes, channels and classes."""

import pytest
import torch
import torch.nn.functional as F

from smalti._torchvision import torchvision  # noqa: F401 - timm imports it
from smalti.errors import InputError
from smalti.models import create_model
from smalti.weights import DifferenceError, fit_classes, fit_input, load_strictly
from smalti.weights.fit import fit_channels, fit_relative, resize_relative

TINY = {"embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5}


def drawn(preset: str, **options):
    torch.manual_seed(1)
    model = create_model(preset, **options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize("size", [384, 28, (96, 224)])
def test_positions_are_resized_as_timm_does_it(size):
    from timm.layers import resample_abs_pos_embed

    patch = 16 if size != 28 else 4
    old = drawn("vit_tiny_patch16_224", **TINY, patch_size=patch)
    new = create_model("vit_tiny_patch16_224", **TINY, patch_size=patch, img_size=size)
    load_strictly(new, fit_input(old.state_dict(), new), where="")
    expected = resample_abs_pos_embed(old.pos_embed, list(new.grid_size), num_prefix_tokens=1)
    torch.testing.assert_close(new.pos_embed, expected, rtol=1e-5, atol=1e-6)
    h, w = new.config.size
    assert new.eval()(torch.randn(1, 3, h, w)).isfinite().all()


@pytest.mark.parametrize(
    ("preset", "options", "size"),
    [
        ("beit_base_patch16_224", {**TINY, "img_size": 64}, 96),
        ("deit_tiny_distilled_patch16_224", {**TINY, "img_size": 64}, (64, 96)),
        ("swin_mini_patch4_window4_64", {}, 96),
        ("swin_mini_patch4_window4_64", {}, 32),  # the last grids are smaller than a window
        ("vit_small_patch14_reg4_dinov2", {**TINY, "img_size": 56}, 84),
    ],
)
def test_a_model_of_another_size_takes_the_weights(preset, options, size):
    old = drawn(preset, **options)
    new = create_model(preset, **{**options, "img_size": size}).eval()
    state = fit_input(old.state_dict(), new)
    load_strictly(new, state, where="")
    same = {name for name, tensor in old.state_dict().items() if tensor.shape == state[name].shape}
    assert all(torch.equal(state[name], old.state_dict()[name]) for name in same)
    h, w = new.config.size
    assert new(torch.randn(2, 3, h, w)).isfinite().all()


def test_the_same_size_changes_nothing():
    old = drawn("beit_base_patch16_224", **TINY, img_size=64)
    state = fit_input(old.state_dict(), old)
    assert all(torch.equal(state[name], tensor) for name, tensor in old.state_dict().items())


def test_another_grid_with_as_many_tokens_is_another_grid():
    """As timm does it, which knows what grid its weights were learned in."""
    from timm.layers import resample_abs_pos_embed

    old = drawn("vit_tiny_patch16_224", **TINY, img_size=96)
    new = create_model("vit_tiny_patch16_224", **TINY, img_size=(64, 144))
    assert old.pos_embed.shape == new.pos_embed.shape
    found = fit_input(old.state_dict(), new, old)["pos_embed"]
    torch.testing.assert_close(found, resample_abs_pos_embed(old.pos_embed, [4, 9]), rtol=1e-5, atol=1e-6)
    assert torch.equal(fit_input(new.state_dict(), new, new)["pos_embed"], new.pos_embed)


def test_a_grid_that_was_no_square_is_resized_as_what_it_was():
    from timm.layers import resample_abs_pos_embed

    old = drawn("vit_tiny_patch16_224", **TINY, img_size=(64, 256))
    new = create_model("vit_tiny_patch16_224", **TINY, img_size=(128, 256))
    found = fit_input(old.state_dict(), new, old)["pos_embed"]
    expected = resample_abs_pos_embed(old.pos_embed, [8, 16], [4, 16])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_biases_of_a_grid_that_was_no_square_are_resized_as_what_they_were():
    old = drawn("beit_base_patch16_224", **TINY, img_size=(32, 80))  # 3 * 9 offsets, as many as in no square
    new = create_model("beit_base_patch16_224", **TINY, img_size=(80, 32))
    name = "blocks.0.attn.rel_bias.table"
    table = old.state_dict()[name]
    found = fit_input(old.state_dict(), new, old)[name]
    torch.testing.assert_close(found[:-3], resize_relative(table[:-3], (2, 5), (5, 2)))
    assert torch.equal(found[-3:], table[-3:])


def test_positions_that_fit_already_keep_the_class_token_as_it_is():
    """50 patches, which are a class token and 49 only where nothing tells."""
    model = drawn("deit3_small_patch16_224", **TINY, img_size=(160, 80))
    for learned in (None, model):
        state = fit_input(model.state_dict(), model, learned)
        assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    apart = drawn("vit_tiny_patch16_224", **TINY, img_size=112)  # 50 with its class token
    fitted = fit_input(apart.state_dict(), model, apart)
    assert torch.equal(fitted["cls_token"], apart.cls_token + apart.pos_embed[:, :1])
    assert fitted["pos_embed"].shape == model.pos_embed.shape


@pytest.mark.parametrize("size", [64, 96])
def test_positions_of_patches_alone_get_zeros_for_the_class_token(size):
    old = drawn("vit_tiny_patch16_224", **TINY, img_size=64)
    new = create_model("vit_tiny_patch16_224", **TINY, img_size=size)
    state = {**old.state_dict(), "pos_embed": old.pos_embed[:, 1:]}
    filled = {**old.state_dict(), "pos_embed": F.pad(old.pos_embed[:, 1:], (0, 0, 1, 0))}
    for learned in (None, old):
        assert torch.equal(fit_input(state, new, learned)["pos_embed"], fit_input(filled, new, old)["pos_embed"])


def test_a_class_tokens_position_becomes_part_of_it_where_positions_are_of_patches():
    new = create_model("vit_small_patch14_reg4_dinov2", **TINY, img_size=56).eval()
    state = dict(drawn("vit_small_patch14_reg4_dinov2", **TINY, img_size=56).state_dict())
    apart = {**state, "pos_embed": F.pad(state["pos_embed"], (0, 0, 1, 0), value=0.5)}
    fitted = fit_input(apart, new)
    assert torch.equal(fitted["pos_embed"], state["pos_embed"])
    assert torch.equal(fitted["cls_token"], state["cls_token"] + 0.5)


@pytest.mark.filterwarnings("ignore:(Using a non-tuple sequence|torch.searchsorted)")  # timm's
@pytest.mark.parametrize("extra", [0, 3], ids=["Swin", "BEiT"])
@pytest.mark.parametrize(("old", "new"), [(7, (12, 12)), (14, (24, 24)), (14, (9, 24)), (7, (4, 4)), (2, (8, 8))])
def test_biases_of_offsets_are_resized_as_timm_does_it(old, new, extra):
    from timm.layers import resize_rel_pos_bias_table

    torch.manual_seed(0)
    table = torch.randn((2 * old - 1) ** 2 + extra, 2)
    target = torch.empty((2 * new[0] - 1) * (2 * new[1] - 1) + extra, 2)
    expected = resize_rel_pos_bias_table(table, new, target.shape)
    torch.testing.assert_close(fit_relative(table, target, new), expected, rtol=0, atol=1e-5)


def test_biases_of_near_offsets_stay():
    table = torch.randn(13 * 13, 2)
    resized = resize_relative(table, (7, 7), (12, 12)).unflatten(0, (23, 23))
    torch.testing.assert_close(resized[10:13, 10:13], table.unflatten(0, (13, 13))[5:8, 5:8])


@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_grey_pictures_in_any_number_of_channels_look_the_same(channels):
    weight = torch.randn(8, 3, 4, 4)
    grey = torch.rand(2, 1, 8, 8)
    expected = F.conv2d(grey.expand(-1, 3, -1, -1), weight, stride=4)
    if channels % 3 and channels != 1:  # four channels repeat one of the three: equal where the three are
        weight = weight[:, :1].repeat(1, 3, 1, 1)
        expected = F.conv2d(grey.expand(-1, 3, -1, -1), weight, stride=4)
    found = F.conv2d(grey.expand(-1, channels, -1, -1), fit_channels(weight, channels), stride=4)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("preset", ["vit_mini_patch4_32", "cct_mini_patch4_32", "swin_mini_patch2_window4_32"])
def test_channels_are_fitted_in_every_stem(preset):
    old, new = drawn(preset), create_model(preset, in_chans=1).eval()
    load_strictly(new, fit_input(old.state_dict(), new), where="")
    grey = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(new(grey), old(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "preset",
    [
        "vit_mini_patch4_32",
        "deit_tiny_distilled_patch16_224",
        "swin_mini_patch2_window4_32",
        "swinv2_mini_patch2_window4_32",
        "resnet18_32",
    ],
)
def test_classes_that_stay_keep_their_rows(preset):
    old, new = drawn(preset, num_classes=4), drawn(preset, num_classes=3)
    fresh = {name: tensor.clone() for name, tensor in new.state_dict().items()}
    load_strictly(new, fit_classes(old.state_dict(), new, {0: 2, 2: 1}), where="")
    heads = [name for name in fresh if name.startswith(("head", "fc."))]
    assert heads
    for name in heads:
        now, before = new.state_dict()[name], old.state_dict()[name]
        assert torch.equal(now[0], before[2])
        assert torch.equal(now[2], before[1])
        assert torch.equal(now[1], fresh[name][1])
    rest = [name for name in fresh if name not in heads]
    assert all(torch.equal(new.state_dict()[name], old.state_dict()[name]) for name in rest)


def test_a_number_that_is_none_is_refused():
    old, new = drawn("vit_mini_patch4_32"), create_model("vit_mini_patch4_32")
    state = old.state_dict() | {"norm.bias": torch.full((128,), torch.nan)}
    with pytest.raises(InputError, match=r"norm.bias holds numbers that are not finite"):
        load_strictly(new, state, where="old.safetensors")
    assert new.norm.bias.isfinite().all()


def test_a_difference_is_told_by_name_and_shape():
    old, new = drawn("vit_mini_patch4_32"), create_model("vit_mini_patch4_32", mlp_ratio=3.0, qk_norm=True)
    with pytest.raises(DifferenceError, match=r"of its tensors .* do not match .*preset") as caught:
        load_strictly(new, fit_input(old.state_dict(), new), where="old.safetensors")
    rows = {name: (theirs, ours) for name, theirs, ours in caught.value.rows}
    assert rows["blocks.0.mlp.fc1.weight"] == ("256 x 128", "384 x 128")
    assert rows["blocks.0.attn.q_norm.weight"] == ("", "32")
    assert caught.value.where == "old.safetensors"
