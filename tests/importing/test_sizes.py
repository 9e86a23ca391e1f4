"""Weights of one size at others: positions, windows, channels."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tests.importing.small import PICTURE, SMALL, STAGES, small

import smalti
from smalti.embed import resize_positions
from smalti.errors import InputError
from smalti.importing import published_model


@pytest.mark.parametrize("options", [{"img_size": 384}, {"img_size": 32}, {"img_size": (96, 64)}, {"in_chans": 1}])
def test_another_size_or_channel_count(options, weights, tmp_path):
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", **options)
    model = smalti.load(made.path)
    assert model.preprocess.in_chans == options.get("in_chans", 3)
    assert len(model.preprocess.mean) == model.preprocess.in_chans
    assert model.predict(PICTURE)[0].label in model.labels


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        ("vit_tiny_patch16_224", SMALL),
        ("swin_tiny_patch4_window7_224", STAGES),
        ("resnet18_32", {}),
    ],
)
def test_channels_are_those_of_the_weights(preset, options, monkeypatch, tmp_path):
    module = smalti.create_model(small(monkeypatch, preset, **options), in_chans=13)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    made = published_model(tmp_path / "w.safetensors", preset=preset)
    assert (made.model.module.config.in_chans, made.model.processor.in_chans) == (13, 13)
    assert "channels" not in " ".join(made.remarks)
    for channels, said in (3, "weights of its 13 channels are taken in turn for 3"), (1, "channels are summed for 1"):
        made = published_model(tmp_path / "w.safetensors", preset=preset, in_chans=channels)
        assert made.model.processor.in_chans == channels
        assert any(said in remark for remark in made.remarks)


@pytest.mark.parametrize(
    ("preset", "options", "sizes"),
    [
        ("swin_tiny_patch4_window7_224", STAGES, (28, 384)),
        ("beit_base_patch16_224", SMALL, (384,)),
        ("vit_small_patch14_dinov2", SMALL, (28, 224)),
    ],
)
def test_weights_of_one_size_are_used_at_others(preset, options, sizes, monkeypatch, tmp_path):
    module = smalti.create_model(small(monkeypatch, preset, **options))
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    for size in sizes:
        model = published_model(tmp_path / "w.safetensors", preset=preset, img_size=size).model
        images = model.processor([PICTURE])
        assert images.shape == (1, 3, size, size)
        with torch.no_grad():
            assert model.module(images).isfinite().all()


@pytest.mark.parametrize("named", [True, False])
def test_positions_are_of_the_grid_of_the_preset_or_the_folder(named, monkeypatch, tmp_path):
    """Not of the one that is asked for, though it has as many patches."""
    preset = small(monkeypatch, "vit_tiny_patch16_224", **SMALL, img_size=96)
    there = 96 if named else (48, 192)
    module = smalti.create_model(preset, img_size=there)
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    told = {"architecture": preset, "pretrained_cfg": {"input_size": [3, 48, 192]}}
    (tmp_path / "config.json").write_text(json.dumps({} if named else told))
    source, chosen = (tmp_path / "model.safetensors", preset) if named else (tmp_path, None)
    model = published_model(source, preset=chosen, img_size=(64, 144)).model.module
    expected = resize_positions(module.pos_embed, module.grid_size, (4, 9), num_prefix_tokens=1)
    assert torch.equal(model.pos_embed, expected)
    assert not torch.equal(model.pos_embed, module.pos_embed)


def test_a_size_that_patches_do_not_fill_is_refused(weights):
    with pytest.raises(InputError, match="img_size 28 is not a multiple of patch_size 16; use 16 or 32"):
        published_model(weights, preset="vit_tiny_patch16_224", img_size=28)


def test_windows_of_another_size_have_the_biases_they_were_trained_with(tmp_path):
    preset = "swinv2_mini_patch2_window4_32"
    torch.manual_seed(0)
    trained = smalti.create_model(preset)
    torch.nn.init.normal_(trained.layers[2].blocks[0].attn.rel_bias.mlp[2].weight)
    save_file(trained.state_dict(), tmp_path / "v2.safetensors")
    other = published_model(tmp_path / "v2.safetensors", preset=preset, img_size=16).model.module
    old, new = (model.layers[2].blocks[0].attn for model in (trained, other))
    assert (old.window, new.window) == ((4, 4), (2, 2))
    for token, same in ((1, 1), (2, 4), (3, 5)):  # to the right, below, both
        torch.testing.assert_close(new.rel_bias()[..., 0, token], old.rel_bias()[..., 0, same])
