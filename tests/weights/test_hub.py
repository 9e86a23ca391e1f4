"""Names of the hub: found in the cache without the network, fetched where asked for, and never code or a pickle."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save
from tests.hub_cache import COMMIT, NAME, timm_files

from smalti.errors import InputError, StorageError
from smalti.weights import is_hub_name, pinned, read_hub

library = pytest.importorskip("huggingface_hub")


def test_what_is_a_name_and_what_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_name(NAME)
    assert is_hub_name(f"{NAME}@{COMMIT}")
    for name in ("gpt2", "weights/vit.safetensors", "a/b/c", "./a/b", "/a/b", "../a", "a/../b", "a//b", "a/b@", ""):
        assert not is_hub_name(name), name
    (tmp_path / "timm").mkdir()
    (tmp_path / NAME).mkdir()
    assert not is_hub_name(NAME)  # what lies here goes first


def test_without_being_allowed_to_nothing_is_fetched(hub):
    with pytest.raises(
        InputError, match=rf"no such file.*add --download.*huggingface.co/{NAME} into a folder"
    ) as caught:
        read_hub(NAME)
    assert caught.value.where == NAME
    assert hub.asked == []


def test_a_fetched_repository_is_pinned_and_read_again_without_the_network(hub):
    published = read_hub(NAME, download=True)
    assert published.origin == f"{NAME}@{COMMIT}"
    assert published.config["architecture"] == "vit_nano_patch4_32"
    assert [(name, revision) for name, revision, _ in hub.asked] == [(NAME, None), (NAME, COMMIT)]
    assert {file.name for file in hub.snapshot(NAME).iterdir()} == {"config.json", "model.safetensors"}
    hub.error = ConnectionError("no network")
    for name in (NAME, f"{NAME}@{COMMIT}", f"{NAME}@main"):
        for download in (False, True):
            again = read_hub(name, download=download)
            assert again.origin == published.origin
            assert all(torch.equal(again.state[key], tensor) for key, tensor in published.state.items())
            assert pinned(name, download=download) == published.origin


def test_what_a_repository_never_had_is_not_missed(hub):
    """A fine-tuned model is often published without its preprocessing."""
    files = {"config.json": b'{"model_type": "vit"}', "model.safetensors": timm_files()["model.safetensors"]}
    hub.repositories["x/tuned"] = files
    first = read_hub("x/tuned", download=True)
    hub.error = ConnectionError("no network")
    for download in (False, True):
        assert read_hub("x/tuned", download=download).origin == first.origin


def test_weights_in_several_files(hub):
    whole = timm_files()
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = {"weight_map": {"a": names[0], "b": names[1]}}
    parts = {name: save({key: torch.ones(2)}) for key, name in zip("ab", names, strict=True)}
    files = {"config.json": whole["config.json"], "model.safetensors.index.json": json.dumps(index).encode(), **parts}
    hub.repositories["x/parts"] = files
    assert read_hub("x/parts", download=True).state.keys() == {"a", "b"}
    (hub.snapshot("x/parts") / names[1]).unlink()
    with pytest.raises(InputError, match=f"not all of these weights.*{names[1]} is missing.*--download"):
        read_hub("x/parts")


@pytest.mark.parametrize("here", [["config.json"], ["model.safetensors"], []], ids=["no weights", "no config", "empty"])
def test_a_half_finished_download_is_said_and_finished(hub, here):
    hub.keep(NAME, {name: timm_files()[name] for name in here})
    with pytest.raises(
        InputError, match=r"not all of these weights are on this machine: [\w.]+ is missing.*--download"
    ):
        read_hub(NAME)
    assert hub.asked == []
    assert read_hub(NAME, download=True).state
    assert len(hub.asked) == 2


def test_a_link_to_what_was_never_written_is_no_file(hub):
    hub.keep(NAME, timm_files())
    os.remove((hub.snapshot(NAME) / "model.safetensors").resolve())
    with pytest.raises(InputError, match=r"model\.safetensors is missing"):
        read_hub(NAME)


def test_what_the_listing_of_a_commit_has_and_the_cache_has_not_is_missed(hub):
    """huggingface_hub notes what a commit holds, and refuses a snapshot with less."""
    files = timm_files()
    hub.keep(NAME, {"config.json": files["config.json"]})
    listing = {name: {"size": len(content), "blob_id": "0" * 40} for name, content in files.items()}
    (hub.folder(NAME) / "trees").mkdir()
    (hub.folder(NAME) / "trees" / f"{COMMIT}.json").write_text(json.dumps({"format_version": 1, "files": listing}))
    with pytest.raises(InputError, match=r"model\.safetensors is missing"):
        read_hub(NAME)


@pytest.mark.parametrize(
    ("told", "beside", "lacks"),
    [
        ({"model_type": "vit"}, None, None),
        ({"model_type": "gpt2"}, "vocab.json", "tokenizer.json"),
        ({"architecture": "vit_nano_patch4_32"}, None, None),
    ],
)
def test_weights_that_another_program_fetched_alone_miss_what_belongs_to_them(hub, told, beside, lacks):
    files = {"config.json": json.dumps(told).encode(), "model.safetensors": save({"a": torch.ones(2)})}
    hub.keep("x/y", files)
    if lacks:
        with pytest.raises(InputError, match=rf"{lacks} is missing.*--download"):
            read_hub("x/y")
        hub.keep("x/y", {beside: b"{}"})
    assert read_hub("x/y").config == told


def test_a_repository_of_pickles_is_refused_and_none_is_fetched(hub):
    files = timm_files()
    del files["model.safetensors"]
    hub.repositories["x/y"] = files
    with pytest.raises(InputError, match=r"no safetensors of it could be had.*pickles are not fetched"):
        read_hub("x/y", download=True)
    assert not any(file.suffix == ".bin" for file in hub.cache.rglob("*"))
    hub.keep("x/y", {"pytorch_model.bin": b"\x80"})  # by another program
    with pytest.raises(InputError, match=r"model\.safetensors is missing"):
        read_hub("x/y")


def test_a_pickle_by_the_name_of_safetensors_is_not_opened(hub):
    hub.keep(NAME, {**timm_files(), "model.safetensors": b"\x80\x04N."})
    with pytest.raises(InputError, match="is damaged"):
        read_hub(NAME)


@pytest.mark.parametrize("kept", [False, True], ids=["fetched", "in the cache"])
def test_a_model_of_its_own_code_is_refused_before_its_weights_are_fetched(hub, kept):
    hub.repositories["x/y"] = timm_files(auto_map={"AutoModel": "model.Mine"})
    if kept:
        hub.keep("x/y", hub.repositories["x/y"])
    with pytest.raises(InputError, match="needs code of its own"):
        read_hub("x/y", download=True)
    assert len(hub.asked) == (0 if kept else 1)
    assert kept or not (hub.snapshot("x/y") / "model.safetensors").exists()


def answer(kind: str, status: int) -> Exception:
    """An error as the library raises it for an answer of the hub."""
    response = SimpleNamespace(status_code=status, headers={}, request=None)
    return getattr(library.errors, kind)("no\nsuch thing", response=response)


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (lambda: answer("RepositoryNotFoundError", 404), InputError, "shows no such repository.*check the name"),
        (lambda: answer("GatedRepoError", 403), InputError, "asks for consent.*accept its terms"),
        (lambda: answer("RevisionNotFoundError", 404), InputError, "no such commit, branch or tag"),
        (lambda: answer("HfHubHTTPError", 500), InputError, r"could not be fetched \(no such thing\); check the net"),
        (lambda: ConnectionError("no route"), InputError, r"could not be fetched \(no route\).*into a folder"),
        (lambda: OSError(28, "No space left on device"), StorageError, "cannot be kept.*HF_HOME"),
    ],
)
def test_what_goes_wrong_is_one_line_with_a_way_out(hub, make, kind, told):
    hub.error = make()
    with pytest.raises(kind, match=told) as caught:
        read_hub("x/y", download=True)
    assert caught.value.where == "x/y"
    assert "\n" not in str(caught.value)


def test_a_name_the_hub_could_not_have_is_a_refusal_too(hub, monkeypatch):
    hub.error = library.errors.HFValidationError("two dashes")
    with pytest.raises(InputError, match="--download"):
        read_hub("x/y--z")
    with pytest.raises(InputError, match="shows no such repository"):
        read_hub("x/y--z", download=True)


def test_without_the_extra_the_line_to_install_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"no such file or folder.*pip install 'huggingface-hub>=1\.0'"):
        read_hub(NAME, download=True)


def test_the_cache_is_where_hf_home_says_and_offline_is_obeyed(hub, tmp_path):
    hub.keep(NAME, timm_files())
    code = f"""
from smalti.errors import InputError
from smalti.weights import read_hub
print(read_hub({NAME!r}, download=True).origin)
try:
    read_hub("timm/other", download=True)
except InputError as error:
    print(error)
"""
    env = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        env.pop(name, None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    first, second = done.stdout.splitlines()
    assert first == f"{NAME}@{COMMIT}"
    assert "HF_HUB_OFFLINE is set" in second
