"""Files and folders of timm answer as in timm, at the size they say."""

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file
from tests.importing.small import PICTURE, SMALL, STAGES, small

import smalti
from smalti.errors import InputError
from smalti.importing import published_model
from smalti.weights import DifferenceError, options_from_timm

timm = pytest.importorskip("timm")


def test_a_file_of_timm_answers_as_in_timm(theirs, weights, tmp_path):
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224")
    model = smalti.load(made.path, device="cpu", precision="fp32")
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = theirs(images)
        torch.testing.assert_close(model.module(images), expected, rtol=1e-4, atol=1e-5)
    assert model.labels == ("class 0", "class 1", "class 2")
    assert model.preprocess.mean == (0.5, 0.5, 0.5)
    assert model.preprocess.crop_pct == 0.9
    assert model.predict(PICTURE)[0].label in model.labels
    assert model.provenance["weights"]["source"] == "vit.safetensors"
    assert model.provenance["parameters"] == sum(parameter.numel() for parameter in theirs.parameters())
    assert any("--labels" in remark for remark in made.remarks)


def test_attention_without_biases_is_seen_in_a_file_of_timm(tmp_path, monkeypatch):
    preset = small(monkeypatch, "vit_tiny_patch16_224", **SMALL, img_size=32)
    torch.manual_seed(0)
    theirs = timm.create_model(preset, **SMALL, img_size=32, qkv_bias=False, num_classes=3).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    save_file(theirs.state_dict(), tmp_path / "miil.safetensors")
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        ours = published_model(tmp_path / "miil.safetensors", preset=preset).model.module
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_a_folder_of_timm_says_what_it_is(theirs, weights, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    shutil.copy(weights, folder / "model.safetensors")
    config = {
        "architecture": "vit_tiny_patch16_224",
        "label_names": ["cat", "dog", "cat"],
        "pretrained_cfg": {"mean": [0.4] * 3, "std": [0.3] * 3, "interpolation": "bilinear", "crop_pct": 0.95},
    }
    (folder / "config.json").write_text(json.dumps(config))
    model = smalti.import_weights(folder, tmp_path / "m.safetensors").model
    assert model.labels == ("cat (0)", "dog", "cat (2)")
    rule = model.processor
    assert (rule.mean[0], rule.std[0], rule.interpolation, rule.crop_pct) == (0.4, 0.3, "bilinear", 0.95)


@pytest.mark.parametrize(
    ("argument", "told"), [("act_layer", "relu"), ("global_pool", "map"), ("pre_norm", True)], ids=str
)
def test_a_model_of_timm_that_we_have_not_is_refused(argument, told):
    with pytest.raises(InputError, match=f"{argument} = .* is something smalti has not"):
        options_from_timm({"architecture": "vit_tiny_patch16_224", "model_args": {argument: told}})


def test_a_model_of_timm_that_pools_nothing_gives_features(tmp_path):
    theirs = written_by_timm(tmp_path, "vit_tiny_patch16_224", **SMALL, img_size=32, num_classes=0, global_pool="")
    made = published_model(tmp_path).model
    assert (made.labels, made.module.config.pool) == ((), "cls")
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(made.module.forward_features(images), theirs(images), rtol=1e-4, atol=1e-5)
    about = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(about | {"num_classes": 3}))
    with pytest.raises(InputError, match=r"global_pool = '' .*its head answers for every token.*say there"):
        published_model(tmp_path)


def test_pictures_that_patches_do_not_fill_are_refused_until_a_size_is_named(tmp_path):
    theirs = written_by_timm(tmp_path, "vit_tiny_patch16_224", **SMALL, img_size=40)
    seen = "pictures are 40 x 40 there, of which patches of 16 see the upper left 32 x 32; add --img-size 32"
    with pytest.raises(InputError, match=seen):
        published_model(tmp_path)
    made = published_model(tmp_path, img_size=32)
    images = torch.randn(2, 3, 40, 40)
    with torch.no_grad():
        found = made.model.module(images[..., :32, :32])
        torch.testing.assert_close(found, theirs(images), rtol=1e-4, atol=1e-5)


def test_the_folder_of_timm_says_the_size_unless_a_preset_is_named(theirs, weights, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    shutil.copy(weights, folder / "model.safetensors")
    config = {"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {"input_size": [3, 64, 96]}}
    (folder / "config.json").write_text(json.dumps(config))
    assert published_model(folder).model.processor.img_size == (64, 96)
    assert published_model(folder, img_size=32).model.processor.img_size == (32, 32)
    assert published_model(folder, preset="vit_tiny_patch16_224").model.processor.img_size == (224, 224)


WRITTEN = {  # our preset, its small size, timm's arguments beside it
    "Swin": ("swin_tiny_patch4_window7_224", STAGES, {"img_size": 56}),
    "Swin V2 in the windows of its preset": ("swinv2_tiny_window8_256", STAGES, {"img_size": 64}),
    "Swin V2 in larger windows": ("swinv2_tiny_window8_256", STAGES, {"img_size": 64, "window_size": 16}),
    "Swin V2 in a small picture": ("swinv2_tiny_window16_256", STAGES, {"img_size": 32}),
    "Swin V2 trained in other windows": (
        "swinv2_tiny_window8_256",
        STAGES,
        {"img_size": 64, "pretrained_window_sizes": (6, 4)},
    ),
    "DINOv3 without a head": ("vit_small_patch16_dinov3", SMALL, {"img_size": 32, "num_classes": 0}),
    "DINOv3 that reads its class token": ("vit_small_patch16_dinov3", SMALL, {"img_size": 32, "global_pool": "token"}),
}


def written_by_timm(folder, preset: str, **options):
    """A model of timm with random weights, and the folder that timm writes of it."""
    torch.manual_seed(0)
    theirs = timm.create_model(preset, **{"num_classes": 3, **options}).eval()
    for name, parameter in theirs.named_parameters():
        torch.nn.init.normal_(parameter, 2.3 if name.endswith("logit_scale") else 0.0, std=0.2)
    timm.models.save_for_hf(theirs, folder)
    return theirs


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_folder_that_timm_writes_answers_as_in_timm(kind, tmp_path):
    preset, sizes, options = WRITTEN[kind]
    theirs = written_by_timm(tmp_path, preset, **sizes, **options)
    made = published_model(tmp_path).model
    images = torch.randn(2, 3, options["img_size"], options["img_size"])
    with torch.no_grad():
        found, expected = made.module(images), theirs(images)
        if not theirs.num_classes:  # we read the class token, timm the mean
            found, expected = made.module.forward_features(images), theirs.forward_features(images)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_swin_v2_keeps_its_offsets_at_another_size(tmp_path):
    written_by_timm(tmp_path, "swinv2_tiny_window8_256", **STAGES, img_size=64, window_size=16)
    assert published_model(tmp_path, img_size=32).model.module.config.trained_windows == (16, 8)
    about = {"architecture": "swinv2_base_window12to16_192to256"}
    assert options_from_timm(about)["trained_windows"] == (12, 12, 12, 6)
    nowhere = {"model_args": {"pretrained_window_sizes": [0] * 4}}
    assert options_from_timm(about | nowhere)["trained_windows"] == (16, 16, 16, 8)


@pytest.mark.parametrize("told", ["in its arguments", "beside none"])
def test_a_head_on_the_mean_of_normed_patches(told, tmp_path, monkeypatch):
    small(monkeypatch, "vit_small_patch16_dinov3", **SMALL)
    theirs = written_by_timm(tmp_path, "vit_small_patch16_dinov3", **SMALL, img_size=256)
    about = json.loads((tmp_path / "config.json").read_text())
    if told == "beside none":
        assert about.pop("model_args")["global_pool"] == about["global_pool"] == "avg"
        (tmp_path / "config.json").write_text(json.dumps(about))
    made = published_model(tmp_path).model
    assert made.module.config.pool == "normed_mean"
    images = torch.randn(2, 3, 256, 256)
    with torch.no_grad():
        torch.testing.assert_close(made.module(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_weights_that_norm_the_mean_of_patches_answer_as_in_timm(tmp_path, monkeypatch):
    """MAE's with a head have such."""
    torch.manual_seed(0)
    theirs = timm.create_model("vit_tiny_patch16_224", **SMALL, img_size=32, num_classes=3, global_pool="avg").eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    preset = small(monkeypatch, "vit_tiny_patch16_224", img_size=32, **SMALL)
    made = published_model(tmp_path / "w.safetensors", preset=preset).model
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(made.module(images), theirs(images), rtol=1e-4, atol=1e-5)
    assert made.processor.mean == (0.485, 0.456, 0.406)


def test_a_class_token_normed_after_it_is_read_is_not_taken_for_a_mean(tmp_path):
    written_by_timm(tmp_path, "vit_tiny_patch16_224", **SMALL, img_size=32, fc_norm=True)
    with pytest.raises(DifferenceError, match=r"do not match \(fc_norm"):
        published_model(tmp_path)


@pytest.mark.parametrize(("side", "differs"), [(56, False), (64, True)])
def test_that_timm_pads_windows_in_another_way_is_said(side, differs, tmp_path, monkeypatch):
    preset = small(monkeypatch, "swin_tiny_patch4_window7_224", **STAGES, img_size=side)
    save_file(smalti.create_model(preset).state_dict(), tmp_path / "w.safetensors")
    said = " ".join(published_model(tmp_path / "w.safetensors", preset=preset).remarks)
    assert ("answers differ from timm's" in said, "--img-size 56" in said) == (differs, differs)


@pytest.mark.parametrize("named", [True, False])
def test_a_convnext_of_timm_answers_as_there(named, tmp_path):
    torch.manual_seed(0)
    theirs = timm.create_model("convnext_tiny", num_classes=3).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    if named:
        save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    else:
        timm.models.save_for_hf(theirs, tmp_path)  # which says "convnext_tiny" in its config.json
    source, preset = (tmp_path / "model.safetensors", "convnext_tiny_224") if named else (tmp_path, None)
    made = published_model(source, preset=preset)
    assert (made.names, made.model.processor.interpolation) == ("timm", "bicubic")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(made.model.module(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_a_folder_of_timm_says_resnet18_without_a_size(tmp_path, monkeypatch):
    told = {"architecture": "resnet18", "pretrained_cfg": {"crop_pct": 0.95, "interpolation": "bicubic"}}
    save_file(smalti.create_model("resnet18_224", num_classes=3).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(told))
    assert published_model(tmp_path).model.processor.crop_pct == 0.95
