"""The ViT: what the paper says, for any size, and the two properties that copied code breaks."""

import math

import pytest
import torch
import torch.nn.functional as F
from tests.hollow import hollow
from tests.learning import last_loss

from smalti.embed import patchify
from smalti.errors import InputError
from smalti.models import create_model, list_models, preset_config
from smalti.models.sizes import preset_size
from smalti.nn import attention_maps

TINY = {"img_size": 16, "patch_size": 4, "embed_dim": 32, "depth": 2, "num_heads": 4, "num_classes": 5}
VARIANTS = {
    "plain": {},
    "mean": {"pool": "mean"},
    "map": {"pool": "map"},
    "conv stem": {"stem": "conv", "pool": "seq", "cls_token": False},
    "conv block": {"stem": "conv", "pool": "seq", "cls_token": False, "conv_blocks": 1},
    "sincos": {"pos_embed": "sincos"},
    "rope": {"pos_embed": "none", "rope": "tokens"},
    "swiglu": {"mlp": "swiglu"},
    "DINOv3": {"pos_embed": "none", "rope": "turns", "reg_tokens": 2, "qkv_bias": False},
    "EVA-02": {"rope": "sixteen", "mlp": "swiglu_norm", "k_bias": False, "pool": "mean"},
    "everything": {
        "pool": "mean",
        "rope": "tokens",
        "mlp": "swiglu",
        "qk_norm": True,
        "layer_scale": 1e-2,
        "pre_logits": 24,
    },
}


def tiny(**options):
    torch.manual_seed(0)
    model = create_model("vit_base_patch16_224", **{**TINY, **options}).eval()
    if model.config.num_classes:
        torch.nn.init.normal_(model.head.weight)
    return model


def expected_parameters(c) -> int:
    """Counted by hand from the config of a plain ViT."""
    D, hidden = c.embed_dim, int(c.embed_dim * c.mlp_ratio)
    prefix = 1 + c.reg_tokens
    positions = math.prod(c.size) // c.patch_size**2 + prefix * c.pos_prefix if c.pos_embed == "learned" else 0
    halves = 2 if c.mlp == "swiglu" else 1
    block = (
        2 * D * (c.layer_scale is not None)
        + 2 * 2 * D
        + (3 * D * D + 3 * D * c.qkv_bias)
        + (D * D + D)
        + halves * (D * hidden + hidden)
        + (hidden * D + D)
    )
    patches = c.in_chans * c.patch_size**2 * D + D
    return patches + prefix * D + positions * D + c.depth * block + 2 * D + D * c.num_classes + c.num_classes


@pytest.mark.parametrize("name", list_models("vit_*"))
def test_every_plain_preset_has_the_parameters_the_paper_implies(name):
    found = preset_size(name).parameters  # test_sizes.py proves that this is what the built model has
    assert found == expected_parameters(preset_config(name)[1])


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("vit_base_patch16_224", 86_567_656),
        ("vit_large_patch16_224", 304_326_632),
        ("vit_tiny_patch16_224", 5_717_416),
        ("vit_small_patch16_224", 22_050_664),
        ("vit_huge_patch14_224", 632_045_800),
        ("cct_7_3x1_32", 3_760_139),
        ("cct_2_3x2_32", 283_723),
    ],
)
def test_published_parameter_counts(name, count):
    with hollow():
        model = create_model(name)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize("name", list_models("cct_*"))
def test_every_compact_preset_runs(name):
    with hollow():
        model = create_model(name, in_chans=1, num_classes=3, depth=2)  # blocks behind these are as the second
    assert model(torch.empty(2, 1, *model.config.size, device="meta")).shape == (2, 3)


@pytest.mark.parametrize("name", VARIANTS)
def test_an_image_does_not_see_the_others_in_its_batch(name):
    model = tiny(**VARIANTS[name])
    images = torch.randn(6, 3, 16, 16)
    with torch.no_grad():
        alone = torch.cat([model(image[None]) for image in images])
        torch.testing.assert_close(model(images), alone, rtol=1e-5, atol=1e-5)
        others = images.clone()
        others[1:] = torch.randn(5, 3, 16, 16) * 100
        torch.testing.assert_close(model(others)[0], model(images)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("column", range(4))
def test_a_patch_token_depends_on_its_own_square_and_on_no_other(row, column):
    model = tiny()
    images = torch.randn(1, 3, 16, 16, requires_grad=True)
    token = model.patch_embed(images)[0, row * 4 + column]
    (gradient,) = torch.autograd.grad(token.abs().sum(), images)
    inside = torch.zeros(16, 16, dtype=torch.bool)
    inside[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = True
    touched = (gradient[0] != 0).all(0)
    assert torch.equal(touched, inside)
    assert (gradient[0, :, ~inside] == 0).all()


def test_linear_and_convolution_and_unfold_are_one_projection():
    model = tiny()
    images = torch.randn(2, 3, 16, 16)
    projection = model.patch_embed.proj
    tokens = model.patch_embed(images)
    as_convolution = projection(images).flatten(2).transpose(1, 2)
    torch.testing.assert_close(tokens, as_convolution, rtol=1e-5, atol=1e-6)
    unfolded = F.unfold(images, 4, stride=4).transpose(1, 2)
    torch.testing.assert_close(unfolded, patchify(images, 4), rtol=0, atol=0)
    torch.testing.assert_close(tokens, F.linear(unfolded, projection.weight.flatten(1), projection.bias))


def test_without_positions_a_plain_vit_does_not_know_where_patches_are():
    model = tiny(pos_embed="none")
    images = torch.randn(1, 3, 16, 16)
    shuffled = images.unflatten(2, (4, 4))[:, :, [2, 0, 3, 1]].flatten(2, 3)
    with torch.no_grad():
        torch.testing.assert_close(model(images), model(shuffled), rtol=1e-4, atol=1e-5)
        for positions in ("learned", "sincos"):
            placed = tiny(pos_embed=positions)
            if positions == "learned":
                torch.nn.init.normal_(placed.pos_embed)
            assert (placed(images) - placed(shuffled)).abs().max() > 1e-2
        assert (tiny(**VARIANTS["rope"])(images) - tiny(**VARIANTS["rope"])(shuffled)).abs().max() > 1e-3


@pytest.mark.parametrize("name", VARIANTS)
def test_learns_one_batch(name):
    model = tiny(**VARIANTS[name]).train()
    images, labels = torch.randn(8, 3, 16, 16), torch.arange(8) % 5
    loss = last_loss(model, lambda: F.cross_entropy(model(images), labels), lr=3e-3, limit=0.05, steps=200)
    assert loss < 0.05


@pytest.mark.parametrize("size", [(8, 24), (24, 8), (16, 16)])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_any_grid_and_any_channels(size, channels):
    for stem in ({}, VARIANTS["conv stem"]):
        model = tiny(img_size=size, in_chans=channels, **stem)
        assert model.grid_size == (size[0] // 4, size[1] // 4)
        assert model(torch.randn(2, channels, *size)).shape == (2, 5)


def test_pre_logits_is_the_papers_head_with_a_hidden_layer():
    model = tiny(pre_logits=24)
    x = model.forward_features(torch.randn(2, 3, 16, 16))
    by_hand = F.linear(
        torch.tanh(F.linear(x[:, 0], model.pre_logits.fc.weight, model.pre_logits.fc.bias)),
        model.head.weight,
        model.head.bias,
    )
    torch.testing.assert_close(model.forward_head(x), by_hand)


def test_the_head_reads_the_pooled_features_and_they_are_normed():
    model, images = tiny(pool="mean"), torch.randn(2, 3, 16, 16)
    torch.nn.init.normal_(model.fc_norm.weight)
    torch.testing.assert_close(model.head(model.forward_pooled(images)), model(images))


def test_dropout_acts_before_the_head_in_training():
    model, tokens = tiny(drop_rate=0.5).train(), torch.randn(2, 17, 32)
    assert not torch.equal(model.forward_head(tokens), model.forward_head(tokens))


def test_the_head_begins_at_zero():
    assert not create_model("vit_nano_patch4_32")(torch.randn(2, 3, 32, 32)).any()


def test_without_classes_the_features_come_out():
    model = tiny(num_classes=0)
    images = torch.randn(2, 3, 16, 16)
    assert model(images).shape == (2, 32)
    torch.testing.assert_close(model(images), model.forward_pooled(images))


def test_attention_maps_of_every_layer():
    model = tiny()
    with attention_maps(model) as maps, torch.no_grad():
        plain = model(torch.randn(2, 3, 16, 16))
        assert set(maps) == {"blocks.0.attn", "blocks.1.attn"}
        for weights in maps.values():
            assert weights.shape == (2, 4, 17, 17)
            torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 17))
    assert plain.shape == (2, 5)
    maps.clear()
    model(torch.randn(1, 3, 16, 16))
    assert not maps  # the context is closed


def test_the_first_blocks_may_mix_by_a_convolution():
    parts = {"depth": 3, "cls_token": False, "pool": "mean"}
    model = tiny(**parts, conv_blocks=2)
    with attention_maps(model) as maps, torch.no_grad():
        model(torch.randn(2, 3, 16, 16))
        assert set(maps) == {"blocks.2.attn"}
    plain, ours = (dict(tiny(**parts, conv_blocks=n).named_parameters()) for n in (0, 2))
    assert {name for name in ours if name not in plain} == {"blocks.0.attn.conv.weight", "blocks.1.attn.conv.weight"}
    with pytest.raises(InputError, match="conv_blocks = 3 is not 0 or more and below the depth of 3"):
        tiny(**parts, conv_blocks=3)
    with pytest.raises(InputError, match="without a class token or registers"):
        tiny(conv_blocks=1)


def test_drop_path_ramps_from_zero():
    model = tiny(depth=5, drop_path_rate=0.4)
    rates = [getattr(block.residual.drop_path, "rate", 0.0) for block in model.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"img_size": 225}, "img_size 225 is not a multiple of patch_size 16; use 224 or 240"),
        ({"img_size": (224, 230)}, "img_size 230 is not a multiple of patch_size 16; use 224 or 240"),
        ({"img_size": 10}, "img_size 10 is not a multiple of patch_size 16; use 16"),
        ({"embed_dim": 100, "num_heads": 3}, "embed_dim 100 is not a multiple of num_heads 3"),
        ({"cls_token": False}, 'pool "cls" needs cls_token=True'),
        ({"stem": "conv", "patch_size": 14}, "patch_size 14 of a convolutional stem is not a power of two"),
        ({"patchsize": 8}, 'there is no setting "patchsize"; did you mean "patch_size"?'),
        ({"rope": "tokens", "embed_dim": 72}, "head width 6 is not a multiple of 4"),
    ],
)
def test_errors_at_construction_name_the_way_out(options, message):
    with pytest.raises(InputError) as error, torch.device("meta"):
        create_model("vit_base_patch16_224", **options)
    assert message in str(error.value)


def test_an_unknown_preset_suggests_the_nearest():
    with pytest.raises(InputError, match='did you mean "vit_base_patch16_224"'):
        preset_config("vit_base_patch16_24")


def test_every_norm_adds_what_the_config_says():
    model = tiny(mlp="swiglu_norm", qk_norm=True, pool="map", norm_eps=1e-3)
    assert {module.eps for module in model.modules() if isinstance(module, torch.nn.LayerNorm)} == {1e-3}
