"""Models named as on the hub: fetched when asked for, and known by what lies beside them."""

import hashlib

import pytest
import torch
from tests.hub_cache import COMMIT, NAME, timm_files

import smalti
from smalti.cli import run
from smalti.errors import InputError
from smalti.modelfile import read_model


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
