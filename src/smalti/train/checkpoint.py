"""Checkpoints: the whole state of a run as one safetensors file. Tensors are tensors, the rest is JSON; nothing is
pickled.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from smalti.errors import DamagedError
from smalti.files import write_durably
from smalti.modelfile import checksum

__all__ = ["load_checkpoint", "save_checkpoint"]

FORMAT = "smalti-checkpoint/1"
TENSOR = "tensor:"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes a tree of dicts, lists, numbers, strings and tensors, durably: a kill leaves the old file or the new
    one.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(pack(state, "", tensors))
    metadata = {"format": FORMAT, "tree": tree, "checksum": checksum(tensors, tree)}
    write_durably(path, save(tensors, metadata=metadata))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The tree that `save_checkpoint` was given. Raises DamagedError where the file is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        if metadata.get("format") != FORMAT:
            raise ValueError(f"format is {metadata.get('format')!r}, expected {FORMAT!r}")
        if checksum(tensors, metadata["tree"]) != metadata["checksum"]:
            raise ValueError("its checksum differs")
        return unpack(json.loads(metadata["tree"]), tensors)
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise DamagedError(
            "is not a readable checkpoint", where=path, why=str(error), mend="train again, or restore the file"
        ) from error


def pack(tree: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The tree with each tensor replaced by its name; the tensors are put into `tensors`."""
    if isinstance(tree, Tensor):
        tensors[name] = tree.detach().cpu().contiguous().clone()
        return TENSOR + name
    if isinstance(tree, dict):
        # JSON knows only string keys; optimiser states are keyed by number
        return {"dict": [[key, pack(value, f"{name}.{key}".lstrip("."), tensors)] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        return [pack(value, f"{name}.{i}".lstrip("."), tensors) for i, value in enumerate(tree)]
    return tree


def unpack(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `pack`; tuples come back as lists."""
    if isinstance(tree, str) and tree.startswith(TENSOR):
        return tensors[tree.removeprefix(TENSOR)]
    if isinstance(tree, dict):
        return {key: unpack(value, tensors) for key, value in tree["dict"]}
    if isinstance(tree, list):
        return [unpack(value, tensors) for value in tree]
    return tree
