"""Files as their authors publish them, torchvision among these, answer as in the library that has the model."""

import argparse

import pytest
import torch
from safetensors.torch import save_file
from tests.importing.small import SMALL, STAGES, small, there_and_back

import smalti
from smalti._torchvision import torchvision
from smalti.data.preprocess import before_crop
from smalti.importing import published_model
from smalti.weights import reading
from smalti.weights._unpickle import PLAIN, tensors

timm = pytest.importorskip("timm")


@pytest.mark.parametrize("arch", ["resnet18", "convnext_tiny"])
def test_a_file_of_torchvision_answers_as_there(arch, tmp_path):
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, arch)(num_classes=3).eval()
    old = {name: tensor for name, tensor in theirs.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(old, tmp_path / "theirs.safetensors")
    made = smalti.import_weights(tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors", preset=f"{arch}_224")
    assert (made.names, len(made.model.labels)) == ("torchvision", 3)
    assert made.model.processor.mean == (0.485, 0.456, 0.406)
    weights = torchvision.models.get_model_weights(arch).IMAGENET1K_V1.transforms()
    rule = made.model.processor
    assert before_crop(224, rule.crop_pct) == weights.resize_size[0]
    assert (rule.interpolation, any("is taken to be" in one for one in made.remarks)) == ("bilinear", True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(made.model.module.eval()(images), theirs(images), rtol=1e-4, atol=1e-5)


def index_of(state, tokens: int):
    """Where each pair of tokens has its bias, which the authors store."""
    names = [name for name in state if name.endswith("relative_position_bias_table")]
    return {name.replace("bias_table", "index"): torch.zeros(tokens, tokens, dtype=torch.long) for name in names}


def authors_swin(state):
    """Stages end with what timm's begin with; the masks of shifted windows are stored."""
    named = {
        name.replace("layers.1.downsample", "layers.0.downsample").replace("head.fc", "head"): tensor
        for name, tensor in state.items()
    }
    return {"model": named | index_of(state, 49) | {"layers.0.blocks.1.attn_mask": torch.zeros(4, 49, 49)}}


def mae(state):
    left = {"mask_token": (1, 1, 8), "decoder_pos_embed": (1, 5, 8), "decoder_blocks.0.norm1.weight": (8,)}
    return {"model": state | {name: torch.zeros(shape) for name, shape in left.items()}}


def dino(state):
    wrapped = {f"module.backbone.{name}": tensor for name, tensor in state.items()}
    taught = {f"backbone.{name}": tensor for name, tensor in state.items()} | {"head.mlp.0.weight": torch.zeros(2, 2)}
    return {"student": wrapped, "teacher": taught, "args": argparse.Namespace(lr=1.0)}


AUTHORS = {  # our preset, its small size, timm's arguments, the file as the authors wrap and name it
    "DeiT": ("deit_tiny_distilled_patch16_224", SMALL, {}, lambda state: {"model": state}),
    "BEiT": (
        "beit_base_patch16_224",
        SMALL,
        {},
        lambda state: {"model": state | index_of(state, 5), "optimizer": {"state": {}}},
    ),
    "BEiT before its fine-tuning": (
        "beit_base_patch16_224",
        SMALL,
        {"num_classes": 0, "global_pool": "token", "use_shared_rel_pos_bias": True, "use_rel_pos_bias": False},
        lambda state: {"model": state | {"mask_token": torch.zeros(1, 1, 24), "lm_head.weight": torch.zeros(50, 24)}},
    ),
    "Swin": ("swin_tiny_patch4_window7_224", STAGES, {}, authors_swin),
    "MAE": ("vit_base_patch16_224", SMALL, {"num_classes": 0}, mae),
    "DINO": ("vit_small_patch16_224", SMALL, {"num_classes": 0}, dino),
}


def unpickle_here(path, target):
    """As in a process of its own, which takes seconds to start."""
    with torch.serialization.safe_globals(PLAIN):
        save_file(tensors(torch.load(path)), target)


@pytest.mark.parametrize("kind", AUTHORS)
def test_a_pth_of_the_authors_answers_as_in_timm_and_goes_out_again(kind, tmp_path, monkeypatch):
    preset, options, told, wrapped = AUTHORS[kind]
    side = 56 if kind == "Swin" else 32
    torch.manual_seed(0)
    theirs = timm.create_model(preset, img_size=side, **{"num_classes": 3, **options, **told}).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    torch.save(wrapped(theirs.state_dict()), tmp_path / "theirs.pth")
    monkeypatch.setattr(reading, "unpickle", unpickle_here)
    model = published_model(tmp_path / "theirs.pth", preset=small(monkeypatch, preset, img_size=side, **options)).model
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(model.module(images), theirs(images), rtol=1e-4, atol=1e-5)
    if model.labels:
        there_and_back(model, tmp_path)
