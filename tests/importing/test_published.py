"""Published weights become a model file, or a refusal that leaves what stood there."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tests.importing.small import HALVES, PICTURE, folder_of

import smalti
from smalti import api
from smalti.cli import run
from smalti.errors import InputError, StorageError
from smalti.importing import published_model
from smalti.modelfile import read_model
from smalti.weights import DifferenceError


def test_a_file_named_in_its_folder_is_what_the_folder_says(tmp_path):
    told = {"problem_type": "multi_label_classification", "id2label": {"0": "a", "1": "b", "2": "c"}}
    folder = folder_of(tmp_path / "theirs", preprocessor=HALVES, **told)
    made = published_model(folder / "model.safetensors")
    assert (made.model.task, made.model.labels) == ("multilabel", ("a", "b", "c"))
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    made = published_model(folder / "other.safetensors", preset="vit_nano_patch4_32")
    assert made.model.labels == ("class 0", "class 1", "class 2")


def test_a_model_file_needs_no_import(tmp_path):
    made = smalti.import_weights(folder_of(tmp_path / "theirs"), tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=r": is a model of smalti's already; use it as it is$"):
        published_model(made.path, preset="vit_nano_patch4_32")


def test_features_without_a_head_embed_and_do_not_predict(tmp_path):
    timm = pytest.importorskip("timm")
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


def test_weights_that_are_no_numbers_leave_what_stood_there(tmp_path):
    state = smalti.create_model("vit_nano_patch4_32", num_classes=3).state_dict()
    save_file({**state, "norm.weight": torch.full((64,), torch.nan)}, tmp_path / "nan.safetensors")
    out = tmp_path / "m.safetensors"
    out.write_text("keep")
    with pytest.raises(InputError, match=r"nan.safetensors: norm.weight holds numbers that are not finite"):
        smalti.import_weights(tmp_path / "nan.safetensors", out, preset="vit_nano_patch4_32")
    assert out.read_text() == "keep"


def test_that_nothing_can_be_written_is_said_before_anything_is_read(tmp_path):
    with pytest.raises(StorageError, match="could not be written"):
        smalti.import_weights(tmp_path / "none.pth", tmp_path / "none" / "m.safetensors", preset="vit_nano_patch4_32")


def test_names_of_tensors_do_not_reach_the_terminal_as_they_are(tmp_path, capsys):
    save_file({"a\x1b[31mred\n": torch.zeros(2)}, tmp_path / "a.safetensors")
    out = tmp_path / "m.safetensors"
    command = ["import-weights", str(tmp_path / "a.safetensors"), "--preset", "vit_nano_patch4_32", "--out", str(out)]
    assert run(command) == 2
    said = capsys.readouterr()
    assert r"a\x1b[31mred\n" in said.out
    assert "\x1b[31mred" not in said.out + said.err


def test_what_is_missing_is_said(weights, tmp_path):
    with pytest.raises(InputError, match="add --preset"):
        smalti.import_weights(weights, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="2 labels for 3 outputs"):
        smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", labels=["a", "b"])
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n\nc\n", encoding="utf-8-sig")  # as some editors save it
    made = smalti.import_weights(weights, tmp_path / "m.safetensors", preset="vit_tiny_patch16_224", labels=names)
    assert read_model(made.path).labels == ("a", "b", "c")


def test_the_tokenizer_of_a_text_model_is_told_by_its_kind(text_runs, tmp_path, capsys):
    smalti.export(text_runs["next-token"][1].model, tmp_path / "hf", format="hf")
    capsys.readouterr()
    assert run(["import-weights", str(tmp_path / "hf"), "--out", str(tmp_path / "m.safetensors"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tokenizer"] == "characters"
    assert "preprocess" not in told
