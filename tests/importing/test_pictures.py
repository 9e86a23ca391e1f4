"""Which model published weights are of, and what is refused as another."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.importing.small import folder_of, small

from smalti.cli import run
from smalti.errors import InputError
from smalti.importing import published_model
from smalti.models import preset_config
from smalti.weights import refuse_others


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"hidden_act": "relu"}, "hidden_act = 'relu'"),
        ({"num_attention_heads": 8}, "num_attention_heads = 8"),
        ({"architectures": ["BeitForMaskedImageModeling"], "use_mean_pooling": False}, "use_mean_pooling = False"),
    ],
)
def test_settings_that_no_shape_tells_are_compared(told, why, tmp_path):
    with pytest.raises(InputError, match=why):
        published_model(folder_of(tmp_path, **told), preset="vit_nano_patch4_32")
    assert published_model(folder_of(tmp_path), preset="vit_nano_patch4_32").model.labels


def test_heads_of_stages_and_what_norms_add_are_compared():
    told = {"depths": [2, 4, 2], "num_heads": [2, 4, 8], "layer_norm_eps": 1e-5}
    refuse_others(told, "swin_mini_patch4_window4_64")
    for change in ({"num_heads": [2, 4, 4]}, {"layer_norm_eps": 1e-3}):
        with pytest.raises(InputError, match=next(iter(change))):
            refuse_others({**told, **change}, "swin_mini_patch4_window4_64")


@pytest.mark.parametrize("wrapper", ["model.{}", "model._orig_mod.{}", "net.{}", "model.vit.{}"])
def test_what_wraps_the_weights_and_what_lies_beside_them_is_left_out(wrapper, tmp_path):
    state = published_model(folder_of(tmp_path / "theirs")).model.module.state_dict()
    if "vit" in wrapper:
        state = {f"model.{name}": tensor for name, tensor in load_file(tmp_path / "theirs/model.safetensors").items()}
    else:
        state = {wrapper.format(name): tensor for name, tensor in state.items()}
    save_file({**state, "criterion.weight": torch.ones(3)}, tmp_path / "w.safetensors")
    made = published_model(tmp_path / "w.safetensors", preset="vit_nano_patch4_32")
    assert any("beside the model there is left out: criterion.weight" in remark for remark in made.remarks)


def test_vit_msn_is_a_vit(tmp_path):
    assert published_model(folder_of(tmp_path, model_type="vit_msn")).model.processor.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("told", "preset", "said"),
    [
        ({"model_type": "siglip_vision_model"}, None, '"siglip_vision_model", which smalti does not read; of trans'),
        ({"model_type": "distilbert"}, None, '"distilbert", which smalti does not read'),
        (
            {"model_type": "distilbert"},
            "bert_base",
            "bert_base is a model of text; those are read from a folder of gpt2, bert",
        ),
        ({"model_type": "bert"}, None, "it has a head that smalti has not (qa_outputs.weight)"),
        ({}, None, "does not say what model it is of; add --preset"),
    ],
)
def test_a_model_that_is_not_read_is_named(told, preset, said, tmp_path):
    save_file({"qa_outputs.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match=re.escape(said)):
        published_model(tmp_path, preset=preset)


def test_a_flexivit_takes_the_weights_of_a_plain_vit(tmp_path, monkeypatch):
    theirs = published_model(folder_of(tmp_path)).model.module
    options = {"embed_dim": 64, "depth": 6, "num_heads": 4, "patch_size": 4, "patch_sizes": (4, 8)}
    small(monkeypatch, "flexivit_mini_32", **options)
    ours = published_model(tmp_path, preset="flexivit_mini_32").model.module
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", ["eva02_tiny_patch14_224", "resnet18_32"])
def test_a_family_that_transformers_has_not_is_refused_in_a_line(preset, tmp_path, capsys):
    weights, family = tmp_path / "vit.safetensors", preset_config(preset)[0]
    (folder_of(tmp_path / "vit") / "model.safetensors").rename(weights)  # where no config.json is beside it
    command = ["import-weights", str(weights), "--preset", preset, "--out", str(tmp_path / "m.safetensors")]
    assert run(command) == 2
    said = capsys.readouterr().err
    assert f"not those of a model of the family {family}; name the preset" in said
    assert said.count("\n") == 1
