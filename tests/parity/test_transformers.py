"""Our models equal those of transformers on random weights: written by transformers, read by us, and the other way
round.
"""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from smalti.errors import InputError
from smalti.importing import published_model
from smalti.models import FAMILIES, create_model, intermediates, preset_config
from smalti.weights import HUGGINGFACE, load_strictly, read_published, to_ours

transformers = pytest.importorskip("transformers")

SMALL = {"image_size": 32, "patch_size": 8, "num_hidden_layers": 3, "hidden_size": 24, "num_attention_heads": 4}
WIDE = {**SMALL, "intermediate_size": 96, "num_labels": 5, "layer_norm_eps": 1e-6}
OURS = {"img_size": 32, "patch_size": 8, "depth": 3, "embed_dim": 24, "num_heads": 4}
DINOV3 = {**SMALL, "hidden_size": 32, "intermediate_size": 128, "num_register_tokens": 4}
BEIT = {"use_relative_position_bias": True, "use_absolute_position_embeddings": False, "use_mean_pooling": True}
SWIN = {
    "image_size": 64,
    "patch_size": 4,
    "embed_dim": 16,
    "depths": [2, 2, 2],
    "num_heads": [2, 4, 4],
    "num_labels": 5,
}


def saved(name: str, told: dict, folder: Path, **options: bool) -> torch.nn.Module:
    """A model of transformers with weights drawn at random, which is left in the folder.

    Args:
        told: its config.
        options: of its class.
    """
    torch.manual_seed(0)
    cls = getattr(transformers, name)
    other = cls(cls.config_class(**told), **options).eval()
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    other.save_pretrained(folder)
    return other


CASES = {  # kind: (class, config, our family, our preset, our options)
    "vit": ("ViTForImageClassification", WIDE, "vit", "vit_tiny_patch16_224", {**OURS, "num_classes": 5}),
    "deit": (
        "DeiTForImageClassificationWithTeacher",
        WIDE,
        "deit",
        "deit_tiny_distilled_patch16_224",
        {**OURS, "num_classes": 5},
    ),
    "beit": ("BeitForImageClassification", WIDE | BEIT, "beit", "beit_base_patch16_224", {**OURS, "num_classes": 5}),
    "swin": (
        "SwinForImageClassification",
        {**SWIN, "window_size": 4},
        "swin",
        "swin_tiny_patch4_window7_224",
        {
            "img_size": 64,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": (2, 2, 2),
            "num_heads": (2, 4, 4),
            "window": 4,
            "num_classes": 5,
        },
    ),
    "swinv2": (
        "Swinv2ForImageClassification",
        {**SWIN, "window_size": 4},
        "swinv2",
        "swinv2_tiny_window8_256",
        {
            "img_size": 64,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": (2, 2, 2),
            "num_heads": (2, 4, 4),
            "window": 4,
            "trained_windows": (),
            "num_classes": 5,
        },
    ),
    "dinov2": ("Dinov2Model", SMALL, "vit", "vit_small_patch14_dinov2", OURS),
    "dinov2, gated": (
        "Dinov2Model",
        {**SMALL, "use_swiglu_ffn": True},
        "vit",
        "vit_giant_patch14_dinov2",
        {**OURS, "mlp_ratio": 64 / 24},
    ),
    "dinov2_with_registers": ("Dinov2WithRegistersModel", SMALL, "vit", "vit_small_patch14_reg4_dinov2", OURS),
    "dinov3": ("DINOv3ViTModel", DINOV3, "vit", "vit_small_patch16_dinov3_qkvb", {**OURS, "embed_dim": 32}),
    "dinov3, gated": (
        "DINOv3ViTModel",
        {**DINOV3, "use_gated_mlp": True, "hidden_act": "silu"},
        "vit",
        "vit_small_plus_patch16_dinov3_qkvb",
        {**OURS, "embed_dim": 32},
    ),
}


def theirs(kind: str):
    name, options, *_ = CASES[kind]
    torch.manual_seed(0)
    cls = getattr(transformers, name)
    model = cls(cls.config_class(**options)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def ours(kind: str):
    _, _, family, preset, options = CASES[kind]
    return family, create_model(preset, **options).eval()


def answer(model, images):
    out = model(images)
    return out.logits if "logits" in out else out.last_hidden_state


def hidden_states(model, images):
    return model(images, output_hidden_states=True).hidden_states[1:]


def relative(x, y):
    return ((x - y).abs().max() / y.abs().max()).item()


def layers(model, images):
    """What transformers calls hidden states: the outputs of blocks; of the stages of a Swin, merged for the next."""
    blocks = intermediates(model, images, maps=False)
    if not hasattr(model, "layers"):
        return blocks
    ends = [blocks[end - 1] for end in itertools.accumulate(model.config.depths)]
    return [stage.downsample(x) for x, stage in zip(ends, model.layers[1:], strict=False)] + ends[-1:]


@pytest.mark.parametrize("kind", CASES)
def test_what_transformers_writes_gives_the_same_answers_here(kind, tmp_path):
    other = theirs(kind)
    other.save_pretrained(tmp_path)
    family, mine = ours(kind)
    published = read_published(tmp_path)
    assert published.config["model_type"] == ("dinov3_vit" if "dinov3" in kind else kind.split(",")[0])
    names, state = to_ours(published.state, family)
    assert names == "transformers"
    if kind == "dinov2_with_registers":  # their class token carries its position apart
        from smalti.weights import fit_input

        state = fit_input(state, mine)
    load_strictly(mine, state, where=tmp_path)
    images = torch.randn(3, 3, *mine.config.size)
    with torch.no_grad():
        found = mine.forward_features(images) if kind.startswith("dino") else mine(images)
        assert relative(found, answer(other, images)) <= 1e-5
        for x, y in zip(layers(mine, images), hidden_states(other, images), strict=True):
            assert relative(x, y) <= 2e-6


SELF_SUPERVISED = {  # class, what its config says beside the sizes, what the call takes, our preset
    "BEiT": (
        "BeitForMaskedImageModeling",
        {"use_shared_relative_position_bias": True, "use_mask_token": True, "vocab_size": 50},
        {},
        "beit_base_patch16_224",
    ),
    "BEiT without its head": (
        "BeitModel",
        {"use_shared_relative_position_bias": True, "use_mean_pooling": False},
        {},
        "beit_base_patch16_224",
    ),
    "MAE": (
        "ViTMAEForPreTraining",
        {
            "mask_ratio": 0.0,
            "decoder_hidden_size": 16,
            "decoder_num_hidden_layers": 1,
            "decoder_num_attention_heads": 2,
        },
        {"noise": torch.arange(16.0).expand(3, -1)},  # which keeps the patches in their order
        "vit_base_patch16_224",
    ),
}


@pytest.mark.parametrize("kind", SELF_SUPERVISED)
def test_what_learned_without_labels_is_read_as_features(kind, tmp_path, monkeypatch):
    name, told, given, preset = SELF_SUPERVISED[kind]
    family, config = preset_config(preset)
    monkeypatch.setitem(FAMILIES[family].presets, preset, replace(config, **OURS))  # real ones take long
    other = saved(name, {**SMALL, "intermediate_size": 96, **told}, tmp_path)
    made = published_model(tmp_path).model
    assert (made.provenance["preset"], made.labels, made.module.config.pool) == (preset, (), "cls")
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        states = other(images, output_hidden_states=True, **given).hidden_states[1:]
        for x, y in zip(layers(made.module, images), states, strict=True):
            assert relative(x, y) <= 2e-6
        norm = getattr(other, "layernorm", None) or other.vit.layernorm
        assert relative(made.module.forward_features(images), norm(states[-1])) <= 1e-5


PLACES = {  # how a BEiT knows places, and whether it has gates: its config beside the sizes, what the model is
    "no places": ({}, {"pos_embed": "none", "rel_bias": False, "layer_scale": 0.1}),
    "positions": ({"use_absolute_position_embeddings": True}, {"pos_embed": "learned", "rel_bias": False}),
    "both": (
        {"use_absolute_position_embeddings": True, "use_relative_position_bias": True},
        {"pos_embed": "learned", "rel_bias": True},
    ),
    "no gates": ({"layer_scale_init_value": 0.0, "use_relative_position_bias": True}, {"layer_scale": None}),
}


@pytest.mark.parametrize("name", ["BeitForImageClassification", "BeitForMaskedImageModeling"])
@pytest.mark.parametrize("kind", PLACES)
def test_a_beit_knows_places_as_its_config_says(kind, name, tmp_path):
    told, wanted = PLACES[kind]
    other = saved(name, {**WIDE, **told}, tmp_path)
    module = published_model(tmp_path).model.module
    assert {field: getattr(module.config, field) for field in wanted} == wanted
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        if module.config.num_classes:
            assert relative(module(images), other(images).logits) <= 1e-5
        for x, y in zip(layers(module, images), hidden_states(other, images), strict=True):
            assert relative(x, y) <= 2e-6


OTHER_HEADS = {  # class: our preset, what of it
    "DeiTForImageClassification": ("vit_tiny_patch16_224", {"pool": "cls", "reg_tokens": 1}),
    "Dinov2ForImageClassification": ("vit_small_patch14_dinov2", {"pool": "cls_mean", "reg_tokens": 0}),
    "Dinov2WithRegistersForImageClassification": (
        "vit_small_patch14_reg4_dinov2",
        {"pool": "cls_mean", "reg_tokens": 4},
    ),
}


@pytest.mark.parametrize("name", OTHER_HEADS)
def test_heads_that_read_something_else(name, tmp_path, monkeypatch):
    preset, wanted = OTHER_HEADS[name]
    family, config = preset_config(preset)
    monkeypatch.setitem(FAMILIES[family].presets, preset, replace(config, **OURS))
    other = saved(name, WIDE, tmp_path)
    made = published_model(tmp_path).model
    assert made.module.config == replace(made.module.config, **wanted)
    assert len(made.labels) == 5
    assert made.processor.mean == (0.485, 0.456, 0.406)
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert relative(made.module(images), other(images).logits) <= 1e-5
        assert made.module.forward_pooled(images).shape == (3, made.module.head.in_features)


def test_a_deit_of_another_head_gives_its_features_to_a_preset_of_two(tmp_path, monkeypatch):
    preset = "deit_tiny_distilled_patch16_224"
    family, config = preset_config(preset)
    monkeypatch.setitem(FAMILIES[family].presets, preset, replace(config, **OURS))
    other = transformers.DeiTForImageClassification(transformers.DeiTConfig(**WIDE)).eval()
    other.save_pretrained(tmp_path)
    made = published_model(tmp_path, preset=preset)
    assert any("head for classes is left out" in remark for remark in made.remarks)
    assert made.model.labels == ()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        expected = other.base_model(images).last_hidden_state
        assert relative(made.model.module.forward_features(images), expected) <= 1e-5


@pytest.mark.parametrize("kind", [kind for kind in CASES if kind != "dinov2_with_registers"])
def test_transformers_takes_our_names(kind):
    other, (_, mine) = theirs(kind), ours(kind)
    for parameter in mine.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    bare = HUGGINGFACE[kind].to_theirs(mine.state_dict())
    heads = ("classifier", "cls_classifier", "distillation_classifier")
    features = kind.startswith("dino")
    prefix = "" if features else f"{kind}."
    named = {name if name.startswith(heads) else prefix + name: tensor for name, tensor in bare.items()}
    if features:
        named["embeddings.mask_token"] = torch.zeros_like(other.embeddings.mask_token)
    loaded = type(other).from_pretrained(None, config=other.config, state_dict=named)
    images = torch.randn(3, 3, *mine.config.size)
    with torch.no_grad():
        found = mine.forward_features(images) if features else mine(images)
        assert relative(found, answer(loaded.eval(), images)) <= 1e-5


GATED = {**SMALL, "hidden_size": 32, "num_hidden_layers": 2}
OWN_SIZES = {  # class, what its config says, and what the model is
    "ViT": ("ViTModel", {**SMALL, "intermediate_size": 72}, {"depth": 3}),
    "ViT, but for its MLPs a preset": (
        "ViTModel",
        {"num_hidden_layers": 12, "intermediate_size": 80},
        {"depth": 12},
    ),
    "DINOv2, gated": ("Dinov2Model", {**GATED, "use_swiglu_ffn": True}, {"mlp": "swiglu"}),
    "DINOv2, gated, narrow": ("Dinov2Model", {**GATED, "use_swiglu_ffn": True, "mlp_ratio": 3}, {"mlp": "swiglu"}),
    "DINOv2, gated, registers": (
        "Dinov2WithRegistersModel",
        {**GATED, "use_swiglu_ffn": True, "num_register_tokens": 2},
        {"mlp": "swiglu", "reg_tokens": 2},
    ),
    "DINOv3": ("DINOv3ViTModel", {**DINOV3, "num_register_tokens": 0}, {"mlp": "gelu", "reg_tokens": 0}),
    "DINOv3, gated": (
        "DINOv3ViTModel",
        {**DINOV3, "use_gated_mlp": True, "hidden_act": "silu", "intermediate_size": 88},
        {"mlp": "swiglu", "reg_tokens": 4},
    ),
}


@pytest.mark.parametrize("kind", OWN_SIZES)
def test_models_of_sizes_that_no_preset_has(kind, tmp_path):
    name, told, wanted = OWN_SIZES[kind]
    if name == "ViTModel" and "hidden_size" not in told:
        told = {**SMALL, "hidden_size": 192, "num_attention_heads": 3, "patch_size": 16, **told}
    other = saved(name, told, tmp_path)
    made = published_model(tmp_path)
    assert "its sizes are those of its config.json" in " ".join(made.remarks)
    assert {field: getattr(made.model.module.config, field) for field in wanted} == wanted
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert relative(made.model.module.forward_features(images), other(images).last_hidden_state) <= 1e-5


NO_BIAS = {  # class, its config, our preset
    "ViT": ("ViTModel", {**SMALL, "intermediate_size": 96, "qkv_bias": False}, "vit_tiny_patch16_224"),
    "DINOv3": (  # the 7B
        "DINOv3ViTModel",
        {**DINOV3, "use_gated_mlp": True, "hidden_act": "silu", "query_bias": False, "value_bias": False},
        "vit_small_plus_patch16_dinov3_qkvb",
    ),
}


@pytest.mark.parametrize("published", [True, False], ids=["sizes of a preset", "other sizes"])
@pytest.mark.parametrize("kind", NO_BIAS)
def test_attention_without_biases_is_seen_in_the_weights(kind, published, tmp_path, monkeypatch):
    name, told, preset = NO_BIAS[kind]
    family, config = preset_config(preset)
    if published:
        own = replace(config, **OURS | {"embed_dim": told["hidden_size"]})
        monkeypatch.setitem(FAMILIES[family].presets, preset, own)
    other = saved(name, told, tmp_path)
    made = published_model(tmp_path)
    assert made.model.module.config.qkv_bias is False
    assert ("sizes are those of its config.json" in " ".join(made.remarks)) is not published
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert relative(made.model.module.forward_features(images), other(images).last_hidden_state) <= 1e-5


def test_rotary_angles_that_are_not_dinov3s_are_refused(tmp_path):
    cls = transformers.DINOv3ViTModel
    cls(cls.config_class(**DINOV3, rope_theta=10.0)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"rope_theta = 10\.0"):
        published_model(tmp_path)


@pytest.mark.parametrize("name", ["Dinov2Model", "Dinov2WithRegistersModel"])
@pytest.mark.parametrize("side", [32, 72])
def test_a_dinov2_of_another_size_has_the_positions_that_it_has_there(name, side, tmp_path):
    """The one with registers is antialiased, the other is not: published at 518, its preprocessor makes 224 of them."""
    other = saved(name, SMALL | {"image_size": 56}, tmp_path)
    about = {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}, "do_center_crop": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(about))
    model = published_model(tmp_path).model
    assert model.processor.img_size == (side, side)
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        assert relative(model.module.forward_features(images), other(images).last_hidden_state) <= 1e-5


@pytest.mark.parametrize("name", ["ViT", "DeiT", "Beit"])
def test_what_patches_do_not_fill_is_refused_until_a_size_is_named(name, tmp_path):
    told = {**BEIT, "use_mean_pooling": False} if name == "Beit" else {}
    other = saved(f"{name}Model", {**WIDE, "image_size": 33, **told}, tmp_path, add_pooling_layer=False)
    about = {"size": {"height": 33, "width": 33}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**about, "do_center_crop": False}))
    with pytest.raises(InputError, match="pictures are 33 x 33 there"):
        published_model(tmp_path)
    made = published_model(tmp_path, img_size=32)
    images = torch.randn(2, 3, 33, 33)
    with torch.no_grad():
        found = made.model.module.forward_features(images[..., :32, :32])
        assert relative(found, other(images).last_hidden_state) <= 1e-5
