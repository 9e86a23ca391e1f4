from itertools import pairwise

import pytest
import torch
from torch import nn

from smalti.errors import InputError
from smalti.models import FAMILIES, build, create_model
from smalti.nn import Attention, Block
from smalti.recipes.unread import LAYERLESS
from smalti.train.optim import (
    OptimConfig,
    build_optimizers,
    is_bias_of_scores,
    is_for_muon,
    layer_scales,
    set_lr,
)
from smalti.train.schedule import lr_factor


@pytest.mark.parametrize("name", ["muon", "adamw", "adam", "sgd", "rmsprop"])
def test_every_trainable_parameter_is_owned_once(name):
    model = create_model("cct_mini_patch4_32", in_chans=1)
    owned = [p for o in build_optimizers(model, OptimConfig(name)) for g in o.param_groups for p in g["params"]]
    assert len(owned) == len({id(p) for p in owned})
    assert {id(p) for p in owned} == {id(p) for p in model.parameters()}


def test_only_matrices_and_kernels_decay():
    model = create_model("vit_mini_patch4_32")
    names = {id(p): n for n, p in model.named_parameters()}
    for optimizer in build_optimizers(model, OptimConfig("muon", weight_decay=0.1)):
        for group in optimizer.param_groups:
            for p in group["params"]:
                decays = group["weight_decay"] > 0
                assert decays == (p.ndim in (2, 4)), names[id(p)]


@pytest.mark.parametrize("preset", ["vit_mini_patch4_32", "cct_mini_patch4_32"])
def test_muon_moves_matrices_of_blocks_and_kernels_that_see_no_pixels_and_nothing_else(preset):
    model = create_model(preset)
    adamw, muon = build_optimizers(model, OptimConfig("muon"))
    hidden = {id(p) for n, p in model.named_parameters() if is_for_muon(n, p)}
    assert {id(p) for g in muon.param_groups for p in g["params"]} == hidden
    kernels = [m.weight for m in model.patch_embed.modules() if isinstance(m, torch.nn.Conv2d)]
    kernels = kernels[1:]  # the first sees pixels; patches go through that one alone
    assert {id(p) for p in kernels} <= hidden
    assert len(hidden) == 4 * len(model.blocks) - model.config.conv_blocks + len(kernels)  # one kernel, two matrices
    assert isinstance(adamw, torch.optim.AdamW)


@pytest.mark.parametrize(
    "preset", [*(next(iter(family.presets)) for family in FAMILIES.values()), "cct_mini_patch4_32"]
)
def test_names_tell_what_the_modules_are(preset):
    with torch.device("meta"):
        model = create_model(preset)
    modules = list(model.modules())
    attentions = [m for m in modules if isinstance(m, Attention) and m.rel_bias is not None]
    biases = {id(p) for attention in attentions for p in attention.rel_bias.parameters()}
    matrices = {id(p) for m in modules if isinstance(m, Block) for p in m.parameters() if p.ndim in (2, 4)} - biases
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
    pixels = [m for m in convolutions if m.in_channels == model.config.in_chans]
    assert len(pixels) == min(1, len(convolutions))
    kernels = {id(m.weight) for m in convolutions if m.groups == 1 and m not in pixels}
    named = list(model.named_parameters())
    assert {id(p) for name, p in named if is_for_muon(name, p)} == matrices | kernels
    assert {id(p) for name, p in named if is_bias_of_scores(name)} == biases


@pytest.mark.parametrize("name", ["swin_mini_patch2_window4_32", "swinv2_mini_patch2_window4_32"])
def test_what_offsets_add_to_scores_is_neither_decayed_nor_a_matrix_of_a_block(name):
    model = create_model(name)
    biases = {id(p) for n, p in model.named_parameters() if ".rel_bias." in n}
    assert biases
    (adamw, muon) = build_optimizers(model, OptimConfig("muon", weight_decay=0.1))
    kept = {id(p) for g in adamw.param_groups if g["weight_decay"] == 0 for p in g["params"]}
    assert biases <= kept
    assert len(muon.param_groups[0]["params"]) == 4 * 8  # qkv, proj, fc1, fc2 of 8 blocks


def test_set_lr_reaches_every_group():
    optimizers = build_optimizers(create_model("vit_nano_patch4_32"), OptimConfig("muon", lr=1.0))
    set_lr(optimizers, 0.25)
    assert {g["lr"] for o in optimizers for g in o.param_groups} == {0.25}


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_rate_rises_then_falls_to_zero(schedule):
    factors = [lr_factor(i / 1000, warmup=0.1, schedule=schedule) for i in range(1001)]
    assert factors[0] == 0
    assert factors[50] == pytest.approx(0.5)
    assert max(factors) == factors[100] == pytest.approx(1)
    assert factors[-1] == pytest.approx(0, abs=1e-9)
    assert all(a >= b for a, b in pairwise(factors[100:]))
    assert lr_factor(0.55, warmup=0.1, schedule=schedule) == pytest.approx(0.5)


def test_constant_and_no_warmup():
    assert lr_factor(0.0, warmup=0.0, schedule="cosine") == 1
    assert lr_factor(0.9, warmup=0.1, schedule="constant") == 1


def test_rates_fall_layer_by_layer_from_the_head_down():
    model = create_model("vit_mini_patch4_32")  # four blocks
    scales = layer_scales(model, 0.5)
    assert scales.keys() == {name for name, _ in model.named_parameters()}
    assert scales["head.weight"] == scales["norm.weight"] == 1.0
    assert scales["blocks.3.mlp.fc1.weight"] == 0.5
    assert scales["blocks.0.attn.qkv.weight"] == 0.5**4
    assert scales["patch_embed.proj.weight"] == scales["pos_embed"] == scales["cls_token"] == 0.5**5


def test_what_lies_between_the_stages_belongs_to_the_block_before():
    model = create_model("swin_mini_patch2_window4_32")  # 2 + 4 + 2 blocks
    scales = layer_scales(model, 0.5)
    assert scales["head.fc.weight"] == 1.0
    assert scales["layers.2.blocks.1.norm1.weight"] == 0.5
    assert scales["layers.1.downsample.reduction.weight"] == scales["layers.0.blocks.1.norm1.weight"] == 0.5**7
    assert scales["patch_embed.proj.weight"] == 0.5**9


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
def test_the_schedule_keeps_the_ratio_of_the_layers(name):
    model = create_model("vit_mini_patch4_32")
    optimizers = build_optimizers(model, OptimConfig(name, layer_decay=0.5))
    set_lr(optimizers, 0.1)
    rates = {id(p): g["lr"] for o in optimizers for g in o.param_groups for p in g["params"]}
    assert len(rates) == len(list(model.parameters()))
    for key, parameter in model.named_parameters():
        assert rates[id(parameter)] == pytest.approx(0.1 * layer_scales(model, 0.5)[key])


def test_a_stage_of_a_convolutional_network_is_a_layer():
    with torch.device("meta"):
        resnet, convnext = create_model("resnet18_32"), create_model("convnext_tiny_224")
    scales = layer_scales(resnet, 0.5)
    assert scales["fc.weight"] == 1.0
    assert scales["layer4.1.conv2.weight"] == 0.5
    assert scales["layer1.0.conv1.weight"] == 0.5**4
    assert scales["conv1.weight"] == scales["bn1.bias"] == 0.5**5
    scales = layer_scales(convnext, 0.5)
    assert scales["classifier.2.weight"] == 1.0
    assert scales["features.7.2.block.0.weight"] == 0.5
    assert scales["features.6.1.weight"] == 0.5**2, "what halves the map belongs to the stage before"
    assert scales["features.0.0.weight"] == 0.5**5


@pytest.mark.parametrize("preset", ["gpt_char_mini", "bert_mini"])
def test_the_tables_of_a_text_stand_before_the_first_block(preset):
    scales = layer_scales(create_model(preset), 0.5)  # of four blocks
    assert scales["norm.weight"] == 1.0
    assert scales["blocks.0.attn.qkv.weight"] == 0.5**4
    front = {name: scale for name, scale in scales.items() if "embed" in name or "positions" in name}
    assert {"token_embed.weight", "positions.table"} <= front.keys()
    assert set(front.values()) == {0.5**5}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_without_blocks_has_one_rate(family):
    with torch.device("meta"):
        model = build(family, next(iter(FAMILIES[family].presets.values())))
    assert (set(layer_scales(model, 0.5).values()) == {1.0}) == (family in LAYERLESS)


def test_muon_takes_as_many_steps_as_were_named():
    model = create_model("vit_nano_patch4_16")
    _, muon = build_optimizers(model, OptimConfig("muon", ns_steps=3))
    assert muon.ns_steps == 3
    with pytest.raises(InputError, match="ns_steps = 0 is not 1 or more"):
        OptimConfig("muon", ns_steps=0)
