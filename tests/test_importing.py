"""Published weights as model files: the same answers, labels and preprocessing, at their own size and at others."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import smalti
from smalti import api
from smalti.cli import run
from smalti.errors import InputError
from smalti.modelfile import read_model
from smalti.weights import DifferenceError
from tests.hub_cache import COMMIT, NAME, timm_files

timm = pytest.importorskip("timm")

PICTURE = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3).eval()
    torch.nn.init.normal_(model.head.weight, std=0.2)
    return model


@pytest.fixture(scope="module")
def weights(theirs, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(theirs.state_dict(), path)
    return path


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
    assert any("--labels" in remark for remark in made.remarks)


@pytest.mark.parametrize("options", [{"img_size": 384}, {"img_size": 32}, {"img_size": (96, 64)}, {"in_chans": 1}])
def test_another_size_or_channel_count(options, weights, tmp_path):
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", **options)
    model = smalti.load(made.path)
    assert model.preprocess.in_chans == options.get("in_chans", 3)
    assert len(model.preprocess.mean) == model.preprocess.in_chans
    assert model.predict(PICTURE)[0].label in model.labels


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
    rule = model.preprocess
    assert (rule.mean[0], rule.std[0], rule.interpolation, rule.crop_pct) == (0.4, 0.3, "bilinear", 0.95)


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


def test_features_without_a_head_embed_and_do_not_predict(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    torch.save(
        {"model": {**model.state_dict(), "mask_token": torch.zeros(1), "decoder_embed.bias": torch.zeros(2)}},
        tmp_path / "mae.pth",
    )
    made = api.import_weights(tmp_path / "mae.pth", tmp_path / "m.safetensors", preset="vit_tiny_patch16_224")
    ready = smalti.load(made.path)
    assert ready.labels == ()
    assert ready.preprocess.mean == (0.485, 0.456, 0.406)
    assert ready.embed(PICTURE).shape == (1, 192)
    with pytest.raises(InputError, match=r"has no labels.*smalti train"):
        ready.predict(PICTURE)


def test_the_wrong_preset_is_refused_with_a_table(weights, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert run(["import-weights", str(weights), "--preset", "vit_small_patch16_224", "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert "blocks.0.attn.qkv.weight" in captured.out
    assert "576 x 192" in captured.out
    assert "1152 x 384" in captured.out
    assert captured.err.count("\n") == 1
    assert not out.exists()
    with pytest.raises(DifferenceError):
        smalti.import_weights(weights, out, preset="deit_tiny_distilled_patch16_224")


def test_what_is_missing_is_said(weights, tmp_path):
    with pytest.raises(InputError, match="add --preset"):
        smalti.import_weights(weights, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="2 labels for 3 outputs"):
        smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", labels=["a", "b"])
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n\nc\n")
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", labels=names)
    assert read_model(made.path).labels == ("a", "b", "c")


def test_a_name_of_the_hub_is_fetched_when_asked_for_and_becomes_a_model_file(hub, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    command = ["import-weights", NAME, "--out", str(out)]
    assert run(command) == 2
    assert "--download" in capsys.readouterr().err
    assert not out.exists()
    assert run([*command, "--download"]) == 0
    assert run(command) == 0  # it is in the cache now
    model = smalti.load(out)
    assert model.labels == ("cat", "dog", "cow")
    assert (model.preprocess.mean[0], model.preprocess.crop_pct) == (0.4, 0.95)
    files = timm_files()
    assert model.provenance["weights"] == {
        "architecture": "vit_nano_patch4_32",
        "source": f"{NAME}@{COMMIT}",
        "checksum": hashlib.sha256(files["model.safetensors"]).hexdigest(),
    }
    (tmp_path / "plain").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "plain" / name).write_bytes(files[name])
    plain = smalti.import_weights(tmp_path / "plain", tmp_path / "plain.safetensors").model
    state = plain.module.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in read_model(out).module.state_dict().items())


def test_a_folder_goes_before_the_name(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub.keep(NAME, timm_files())
    folder = tmp_path / NAME
    folder.mkdir(parents=True)
    for name, content in timm_files(label_names=["a", "b", "c"]).items():
        (folder / name).write_bytes(content)
    assert smalti.import_weights(NAME, tmp_path / "m.safetensors").model.labels == ("a", "b", "c")


def test_a_model_nobody_here_knows_is_named(hub, tmp_path):
    hub.repositories["timm/other"] = timm_files(architecture="vit_nano_patch4_23")
    with pytest.raises(InputError, match="vit_nano_patch4_32"):
        smalti.import_weights("timm/other", tmp_path / "m.safetensors", download=True)


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
    about = {"size": {"shortest_edge": 64}, "crop_size": {"height": 48, "width": 48}, "do_center_crop": True}
    told = {**about, "image_mean": [0.4] * 3, "image_std": [0.2] * 3, "resample": 3}
    (tmp_path / "theirs" / "preprocessor_config.json").write_text(json.dumps(told))
    hub.keep(f"x/{kind}", {file.name: file.read_bytes() for file in (tmp_path / "theirs").iterdir()})
    model = smalti.import_weights(f"x/{kind}", tmp_path / "m.safetensors").model
    assert model.provenance["preset"].startswith(preset)
    assert model.preprocess.img_size == (config.image_size, config.image_size)
    assert (model.preprocess.crop_pct, model.preprocess.mean[0]) == (0.75, 0.4)
    images = torch.randn(1, 3, config.image_size, config.image_size)
    with torch.no_grad():
        expected = theirs.eval()(images).last_hidden_state
        ours = model.module.forward_features(images)
    assert ((ours - expected).abs().max() / expected.abs().max()).item() < 1e-5


def test_the_tokenizer_of_a_text_model_is_told_by_its_kind(text_runs, tmp_path, capsys):
    smalti.export(text_runs["next-token"][1].model, tmp_path / "hf", kind="hf")
    capsys.readouterr()
    assert run(["import-weights", str(tmp_path / "hf"), "--out", str(tmp_path / "m.safetensors"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tokenizer"] == "characters"
    assert "preprocess" not in told
