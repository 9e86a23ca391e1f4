"""Published files: every kind is read, nothing in them is run, and what cannot be read is said in one line."""

import argparse
import io
import json
import os
import pickle
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from smalti.errors import InputError
from smalti.weights import _unpickle, read_published

STATE = {"blocks.0.norm1.weight": torch.arange(4.0), "head.bias": torch.ones(2)}


def same(state) -> bool:
    return state.keys() == STATE.keys() and all(torch.equal(state[name], tensor) for name, tensor in STATE.items())


def test_safetensors_in_half_precision_are_read_as_fp32(tmp_path):
    save_file({name: tensor.half() for name, tensor in STATE.items()}, tmp_path / "a.safetensors")
    published = read_published(tmp_path / "a.safetensors")
    assert same(published.state)
    assert {tensor.dtype for tensor in published.state.values()} == {torch.float32}


@pytest.mark.parametrize(
    "tree",
    [
        STATE,
        {"model": STATE, "optimizer": {"state": {0: torch.zeros(3)}}, "epoch": 7},
        {"state_dict": {f"module.{name}": tensor for name, tensor in STATE.items()}},
        {"student": {}, "teacher": {f"module.backbone.{name}": tensor for name, tensor in STATE.items()}},
        {"model": {name: tensor * 2 for name, tensor in STATE.items()}, "model_ema": STATE},
        {"model": {name: tensor * 2 for name, tensor in STATE.items()}, "ema": {"decay": 0.9, "module": STATE}},
        {"model": STATE, "model_ema": {}, "ema": {"decay": 0.9}},
        {"net": {f"_orig_mod.module.{name}": tensor for name, tensor in STATE.items()}},
        {"state_dict": STATE, "args": argparse.Namespace(lr=0.1, betas=(0.9, 0.95))},
    ],
    ids=[
        *("flat", "official", "wrapped", "DINO's teacher", "running mean", "another running mean", "an empty one"),
        *("wrapped twice", "with its arguments"),
    ],
)
def test_a_pth_file_is_read_whatever_wraps_it(tree, tmp_path):
    torch.save(tree, tmp_path / "a.pth")
    assert same(read_published(tmp_path / "a.pth").state)


@pytest.mark.parametrize(
    "tree",
    [
        {"model_state_dict": STATE, "optimizer_state_dict": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
        {"weights": STATE, "epoch": 3},
        {"network": STATE, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}},
        {"model": STATE, "best": np.float64(0.9), "seen": np.int64(3), "losses": np.zeros(3, np.float32)},
        {"model": STATE, "args": argparse.Namespace(out=Path("runs") / "one")},
    ],
    ids=["PyTorch's tutorial", "by another name", "the only tensors", "with numbers of NumPy", "with a path"],
)
def test_an_ordinary_checkpoint_is_read(tree, tmp_path):
    torch.save(tree, tmp_path / "a.pth")
    with torch.serialization.safe_globals(_unpickle.PLAIN):
        assert same(_unpickle.tensors(torch.load(tmp_path / "a.pth", weights_only=True)))


class Objects:
    """Asks for an array of objects, at the addresses that its bytes say."""

    def __reduce__(self):
        return np.ndarray, ((1,), np.dtype("O"), bytes(8))


def test_what_lies_beside_the_weights_is_never_made(tmp_path):
    torch.save({"model": STATE, "best": Objects(), "args": argparse.Namespace(lr=0.1)}, tmp_path / "a.pth")
    with torch.serialization.safe_globals(_unpickle.PLAIN):
        tree = torch.load(tmp_path / "a.pth", weights_only=True)
    assert {type(tree[name]) for name in ("best", "args")} == {_unpickle.Beside}


def test_which_of_two_models_is_meant_is_not_guessed():
    assert _unpickle.tensors({"generator": STATE, "critic": STATE}) == {}


def test_the_old_form_of_pth_is_read(tmp_path):
    torch.save(STATE, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert same(read_published(tmp_path / "a.pth").state)


def test_tensors_that_share_memory_are_read(tmp_path):
    torch.save({"a": STATE["head.bias"], "b": STATE["head.bias"]}, tmp_path / "a.pth")
    assert read_published(tmp_path / "a.pth").state.keys() == {"a", "b"}


class Evil:
    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("plain", [False, True], ids=["torch.save", "a bare pickle"])
def test_a_pickle_that_asks_for_code_gets_none(plain, tmp_path):
    path, target = tmp_path / "evil.pth", tmp_path / "made"
    if plain:
        path.write_bytes(pickle.dumps({"a": Evil(str(target))}))
    else:
        torch.save({"a": Evil(str(target))}, path)
    with pytest.raises(InputError, match=r"its tensors cannot be read \([Uu]nsupported (GLOBAL|operand)"):
        read_published(path)
    assert not target.exists()


def test_what_a_pickle_asks_for_is_named(tmp_path):
    torch.save({"model": STATE, "metric": Fraction(1, 3)}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"\(Unsupported global: GLOBAL fractions.Fraction was.*model.state_dict\(\)"):
        read_published(tmp_path / "a.pth")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of processes are POSIX's")
def test_a_file_that_unfolds_to_far_more_than_its_size_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1 << 30, dtype=torch.uint8)}, tmp_path / "big.pth")
    small, big = tmp_path / "bomb.pth", zipfile.ZipFile(tmp_path / "big.pth")
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in big.namelist():
            archive.writestr(one, big.read(one))
    assert small.stat().st_size < 1 << 24
    with pytest.raises(InputError, match="its tensors cannot be read"):
        read_published(small)


def test_a_folder_brings_its_json_along_and_its_shards(tmp_path):
    save_file({"head.bias": STATE["head.bias"]}, tmp_path / "model-00002-of-00002.safetensors")
    save_file({"blocks.0.norm1.weight": STATE["blocks.0.norm1.weight"]}, tmp_path / "model-00001-of-00002.safetensors")
    files = {name: f"model-0000{2 if 'head' in name else 1}-of-00002.safetensors" for name in STATE}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "vit_tiny_patch16_224"}))
    published = read_published(tmp_path)
    assert same(published.state)
    assert published.config["architecture"] == "vit_tiny_patch16_224"
    assert published.preprocessor == {}


def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../other.safetensors"}}))
    with pytest.raises(InputError, match="outside of its folder"):
        read_published(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("model.safetensors.index.json", '{"weight_map": ["a"]}', '"weight_map" in it is no JSON object'),
        ("model.safetensors.index.json", '{"weight_map": null}', "names no files"),
        ("config.json", "[" * 100_000, "is not valid JSON"),
        ("config.json", '["a"]', "holds no JSON object"),
        ("config.json", '{"id2label": ["a"]}', '"id2label" in it is no JSON object'),
        ("config.json", '{"pretrained_cfg": 3}', '"pretrained_cfg" in it is no JSON object'),
        ("preprocessor_config.json", "3", "holds no JSON object"),
    ],
)
def test_json_of_another_shape_is_named(name, content, told, tmp_path):
    if "index" not in name:
        save_file(STATE, tmp_path / "model.safetensors")
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=told) as caught:
        read_published(tmp_path)
    assert caught.value.where.endswith(name)


def test_null_in_json_says_nothing(tmp_path):
    save_file(STATE, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"pretrained_cfg": null, "model_type": "vit"}')
    assert read_published(tmp_path).config == {"model_type": "vit"}


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def saved(save) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.pth", cut(saved(lambda f: torch.save(STATE, f))), "its tensors cannot be read"),
        ("a.pth", saved(lambda f: torch.save([1, 2], f)), "it holds no named tensors"),
        ("a.npz", cut(saved(lambda f: np.savez(f, a=np.ones(100)))), "is damaged"),
        ("a.npz", saved(lambda f: np.savez(f, a=np.array([object()]))), "is damaged"),
        ("a.safetensors", b"\x10\0\0\0\0\0\0\0{", "is damaged"),
        ("a.safetensors", b"hello, world", "is no file of weights"),
        ("a.pth", b"", "is no file of weights"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:a\n", "is a Git LFS pointer"),
        ("notes.docx", b"PK\x03\x04" + bytes(300), r"is no file of weights \([^.]+\); name a file \(\.safetensors"),
    ],
)
def test_what_cannot_be_read_is_named(name, content, told, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        read_published(tmp_path / name)
    assert caught.value.where.endswith(name)
    assert caught.value.mend
    assert "\n" not in str(caught.value)


def test_nothing_there_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_published(tmp_path / "none.pth")
    with pytest.raises(InputError, match="holds no weights"):
        read_published(tmp_path)
