"""Folders of transformers answer as there."""

import json

import pytest
import torch
from tests.importing.small import PICTURE, SMALL, STAGES, small, there_and_back

import smalti
from smalti.cli import run
from smalti.importing import published_model


def test_a_folder_of_own_sizes_is_read_as_it_says(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 72}
    told = transformers.ViTConfig(**sizes, image_size=32, patch_size=8, qkv_bias=False, num_labels=3)
    theirs = transformers.ViTForImageClassification(told).eval()
    theirs.save_pretrained(tmp_path)
    made = published_model(tmp_path)
    assert any("sizes are those of its config.json" in remark for remark in made.remarks)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(made.model.module(images), theirs(images).logits, rtol=1e-4, atol=1e-5)


def test_a_swin_v2_of_other_stages_is_read(tmp_path):
    transformers = pytest.importorskip("transformers")
    told = transformers.Swinv2Config(**HF_STAGES, image_size=64, patch_size=4, window_size=4, num_labels=3)
    theirs = transformers.Swinv2ForImageClassification(told).eval()
    theirs.save_pretrained(tmp_path)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found, expected = published_model(tmp_path).model.module(images), theirs(images).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_folder_of_transformers_brings_labels_and_preprocessing(tmp_path):
    transformers = pytest.importorskip("transformers")
    size = {"image_size": 32, "patch_size": 16, "num_hidden_layers": 12, "hidden_size": 192, "num_attention_heads": 3}
    config = transformers.ViTConfig(
        **size, intermediate_size=768, layer_norm_eps=1e-6, id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1}
    )
    model = transformers.ViTForImageClassification(config).eval()
    folder = tmp_path / "hf"
    model.save_pretrained(folder)
    about = {"size": {"height": 32, "width": 32}, "image_mean": [0.4] * 3, "image_std": [0.2] * 3, "resample": 2}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    out = tmp_path / "m.safetensors"
    options = ["--preset", "vit_tiny_patch16_224", "--img-size", "32", "--out", str(out)]
    assert run(["import-weights", str(folder), *options]) == 0
    ready = smalti.load(out, device="cpu", precision="fp32")
    assert ready.labels == ("cat", "dog")
    assert (ready.preprocess.fit, ready.preprocess.interpolation) == ("squash", "bilinear")
    images = ready.preprocess([PICTURE])
    with torch.no_grad():
        torch.testing.assert_close(ready.module(images), model(images).logits, rtol=1e-4, atol=1e-5)


HF_SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96}
HF_STAGES = {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 4]}
FOLDERS = {  # class, its config, our preset
    "DeiT": ("DeiTForImageClassificationWithTeacher", HF_SMALL, "deit_tiny_distilled_patch16_224"),
    "BEiT": (
        "BeitForImageClassification",
        {**HF_SMALL, "use_relative_position_bias": True, "use_absolute_position_embeddings": False},
        "beit_base_patch16_224",
    ),
    "Swin": ("SwinForImageClassification", {**HF_STAGES, "window_size": 7}, "swin_tiny_patch4_window7_224"),
    "Swin V2": ("Swinv2ForImageClassification", {**HF_STAGES, "window_size": 8}, "swinv2_tiny_window8_256"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_of_transformers_answers_as_there_and_goes_out_again(kind, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    name, told, preset = FOLDERS[kind]
    side = {"Swin": 56, "Swin V2": 64}.get(kind, 32)
    windows = {"trained_windows": ()} if kind == "Swin V2" else {}
    small(monkeypatch, preset, **(STAGES if "Swin" in kind else SMALL), **windows)
    torch.manual_seed(0)
    cls = getattr(transformers, name)
    names = {"id2label": {0: "cat", 1: "dog", 2: "elk"}, "label2id": {"cat": 0, "dog": 1, "elk": 2}}
    theirs = cls(cls.config_class(**told, **names, image_size=side)).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    theirs.save_pretrained(tmp_path / "theirs")
    model = published_model(tmp_path / "theirs").model
    assert (model.provenance["preset"], model.labels) == (preset, ("cat", "dog", "elk"))
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(model.module(images), theirs(images).logits, rtol=1e-4, atol=1e-5)
    there_and_back(model, tmp_path)


KINDS = {  # a model of transformers, small in depth only where a preset is
    "vit": (
        "ViT",
        {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768, "image_size": 48},
        "vit_tiny_",
    ),
    "dinov2": (
        "Dinov2",
        {"hidden_size": 384, "num_attention_heads": 6, "patch_size": 14, "image_size": 56},
        "vit_small_",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_tell_the_preset_by_the_sizes(kind, hub, tmp_path):
    transformers = pytest.importorskip("transformers")
    prefix, sizes, preset = KINDS[kind]
    config = getattr(transformers, f"{prefix}Config")(**sizes)
    theirs = getattr(transformers, f"{prefix}Model")(config, **({"add_pooling_layer": False} if kind == "vit" else {}))
    theirs.save_pretrained(tmp_path / "theirs")
    side = config.image_size
    about = {"size": {"shortest_edge": 64}, "crop_size": {"height": side, "width": side}, "do_center_crop": True}
    told = {**about, "image_mean": [0.4] * 3, "image_std": [0.2] * 3, "resample": 3}
    (tmp_path / "theirs" / "preprocessor_config.json").write_text(json.dumps(told))
    hub.keep(f"x/{kind}", {file.name: file.read_bytes() for file in (tmp_path / "theirs").iterdir()})
    model = smalti.import_weights(f"x/{kind}", tmp_path / "m.safetensors").model
    assert model.provenance["preset"].startswith(preset)
    assert model.processor.img_size == (side, side)
    assert (model.processor.crop_pct, model.processor.mean[0]) == (side / 64, 0.4)
    images = torch.randn(1, 3, side, side)
    with torch.no_grad():
        expected = theirs.eval()(images).last_hidden_state
        ours = model.module.forward_features(images)
    assert ((ours - expected).abs().max() / expected.abs().max()).item() < 1e-5
