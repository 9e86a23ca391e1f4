"""Published weights from disk: tensors by name, and what is said about them beside. Nothing that could run code is
opened in this process.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor

from smalti.errors import InputError, printable
from smalti.weights import _unpickle
from smalti.weights.google import from_google

__all__ = ["Published", "read_published"]

ONE, SHARDS = "model.safetensors", "model.safetensors.index.json"
BEST_FIRST = (ONE, SHARDS, "pytorch_model.bin")
PREFIXES = ("module.", "_orig_mod.", "backbone.", "model.", "net.")  # data parallel, compiled, DINO's, Lightning's
PICKLED = (".pth", ".pt", ".bin")
POINTER = b"version https://git-lfs"
KNOWN = f".safetensors, .npz, {', '.join(PICKLED)}, or a folder of one with a config.json"


@dataclass(frozen=True)
class Published:
    """What a file or folder of weights holds.

    Args:
        path: where it lies.
        state: tensors in fp32 by their publisher's names.
        config: config.json beside them, if any.
        preprocessor: preprocessor_config.json beside them, if any.
        ours: the names are ours already.
        files: those the tensors were in.
        origin: OWNER/NAME@COMMIT where they came from the hub.
        outside: names of tensors beside what a wrapper holds, a loss of Lightning's for instance.
    """

    path: Path
    state: dict[str, Tensor]
    config: dict[str, Any] = field(default_factory=dict)
    preprocessor: dict[str, Any] = field(default_factory=dict)
    ours: bool = False
    files: tuple[Path, ...] = ()
    origin: str = ""
    outside: frozenset[str] = frozenset()


def read_published(path: str | os.PathLike[str]) -> Published:
    """Weights from a file, or from a folder with a config.json as Hugging Face and timm have it; which also is read
    where the file is named that would be chosen there.

    Raises:
        InputError: there is nothing there, it is of another kind, damaged, or asks for more than tensors.
    """
    path = Path(path)
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise InputError("does not exist", where=path, mend=f"name a file ({KNOWN})")
    if path.suffix == ".npz":
        return Published(path, from_google(read_arrays(path)), ours=True, files=(path,))
    if path.name == chosen(path.parent) and (path.parent / "config.json").is_file():
        return read_folder(path.parent)
    state, outside = unwrapped(read_tensors(path))
    return Published(path, state, files=(path,), outside=outside)


def read_folder(path: Path, read: Callable[[Path], dict[str, Tensor]] | None = None) -> Published:
    """Weights from a folder, with the JSON files beside them; `read` reads a file of tensors, else any kind is read."""
    name = chosen(path)
    if name is None:
        raise InputError("holds no weights", where=path, why=f"none of {', '.join(BEST_FIRST)}", mend="name the file")
    files = tuple(path / one for one in (shards(path) if name == SHARDS else [name]))
    state: dict[str, Tensor] = {}
    for file in files:
        state |= (read or read_tensors)(file)
    config = read_json(path / "config.json", "id2label", "model_args", "pretrained_cfg")
    preprocessor = read_json(path / "preprocessor_config.json")
    state, outside = unwrapped(state)
    return Published(path, state, config, preprocessor, files=files, outside=outside)


def chosen(folder: Path) -> str | None:
    """The name of the weights in a folder, those that are read of several; None where there are none."""
    return next((name for name in BEST_FIRST if (folder / name).is_file()), None)


def shards(path: Path) -> list[str]:
    """The names of the files that the index in a folder names."""
    files = sorted(set(map(str, read_json(path / SHARDS, "weight_map").get("weight_map", {}).values())))
    if not files:
        raise InputError("names no files", where=path / SHARDS, mend="get the folder again")
    if any(Path(one).name != one for one in files):
        raise InputError("names a file outside of its folder", where=path / SHARDS, mend="get the folder again")
    return files


def read_json(path: Path, *parts: str) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file. Raises InputError where it holds something else, or
    where one of `parts` is there and is no object.
    """
    if not path.is_file():
        return {}
    try:
        tree = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("is not valid JSON", where=path, why=str(error), mend="get it again") from error
    if not isinstance(tree, dict):
        raise InputError("holds no JSON object", where=path, mend="get it again")
    for name in parts:
        if tree.get(name) is None:
            tree.pop(name, None)  # null says nothing
        elif not isinstance(tree[name], dict):
            raise InputError(f'"{name}" in it is no JSON object', where=path, mend="get it again")
    return tree


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, in fp32: safetensors here, pickles in a process of their own."""
    try:
        with open(path, "rb") as file:
            start = file.read(len(POINTER))
    except OSError as error:
        raise InputError("cannot be read", where=path, why=error.strerror or str(error), mend="check it") from error
    if start == POINTER:
        mend = "fetch the real file with `git lfs pull`"
        raise InputError("is a Git LFS pointer, not weights", where=path, mend=mend)
    if start[8:9] == b"{":
        return read_safetensors(path)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        with tempfile.TemporaryDirectory(prefix="smalti-") as folder:
            target = Path(folder, "weights.safetensors")
            unpickle(path, target)
            return read_safetensors(target)
    raise InputError("is no file of weights", where=path, mend=f"name a file ({KNOWN})")


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in fp32; whole numbers stay."""
    try:
        with safe_open(path, framework="pt") as file:
            ours = "smalti" in (file.metadata() or {})
            tensors = {} if ours else {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError("is damaged", where=path, why=printable(error), mend="get it again") from error
    if ours:
        raise InputError("is a model of smalti's already", where=path, mend="use it as it is")
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def unpickle(path: Path, target: Path) -> None:
    """Has another process turn the pickle at `path` into safetensors at `target`."""
    command = [sys.executable, "-P", str(Path(_unpickle.__file__)), str(path.resolve()), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=900)
    except subprocess.TimeoutExpired as error:
        raise InputError("takes too long to read", where=path, mend="copy it to a disk that answers") from error
    if done.returncode:
        told = done.stderr.strip().splitlines()
        why = printable(told[-1] if told else f"the process that read it ended with {done.returncode}")
        if path.suffix not in PICKLED:
            raise InputError("is no file of weights", where=path, why=why, mend=f"name a file ({KNOWN})")
        mend = "get it as safetensors, or of a model of your own save model.state_dict()"
        raise InputError("its tensors cannot be read", where=path, why=why, mend=mend)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, no objects among them."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # a damaged archive fails in any way
        raise InputError("is damaged", where=path, why=printable(error), mend="get it again") from error
    return {name: array for name, array in arrays.items() if np.issubdtype(array.dtype, np.number)}


def unwrapped(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], frozenset[str]]:
    """The tensors under names without what wrappers put before them, one around the other, and the names of those that
    no wrapper holds.
    """
    outside: frozenset[str] = frozenset()
    while prefix := next((one for one in PREFIXES if any(name.startswith(one) for name in state)), ""):
        inside = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
        others = {name: t for name, t in state.items() if not name.startswith(prefix)}
        outside, state = outside | others.keys() - inside.keys(), others | inside
    return state, outside
