"""Turns a .pth file into safetensors, in a process of its own: `python _unpickle.py SOURCE TARGET`.

A pickle may ask for anything. Here torch reads nothing but tensors and plain data (`weights_only`), in a process with
limits on memory, time and what it may write, that holds nothing and ends afterwards. It imports nothing of smalti.
"""

import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import save_file

# in the order of preference
WEIGHTS = (
    *("model_ema", "state_dict_ema", "ema", "model", "state_dict", "model_state_dict", "teacher", "module", "net"),
    *("weights", "params"),
)
ROOM = 2 << 30  # bytes beside the file's own


class Beside:
    """Stands for an object beside the weights, of which nothing is kept. The real one is never made: an array of NumPy
    would take bytes of the file for addresses of objects.
    """

    def __init__(self, *_: object):
        pass

    def __setstate__(self, _: object) -> None:
        pass


# the command that trained, its paths, and numbers of NumPy, under the names of its releases
PLAIN: list[Any] = [
    (Beside, name)
    for name in (
        *("argparse.Namespace", "numpy.dtype", "numpy.ndarray"),
        *(f"numpy.{core}.multiarray.{name}" for core in ("_core", "core") for name in ("scalar", "_reconstruct")),
        *(f"{module}.{kind}Path" for module in ("pathlib", "pathlib._local") for kind in ("Posix", "Windows")),
    )
]


def tensors(tree: Mapping) -> dict[str, torch.Tensor]:
    """The tensors of a state dict; those of an inner dict where the file wraps one that has any, under a usual name or
    as its only ones.
    """
    for key in WEIGHTS:
        if isinstance(tree.get(key), Mapping) and (inner := tensors(tree[key])):
            return inner
    if found := own_tensors(tree):
        return found
    wrapped = [found for inner in tree.values() if isinstance(inner, Mapping) and (found := own_tensors(inner))]
    return wrapped[0] if len(wrapped) == 1 else {}


def own_tensors(tree: Mapping) -> dict[str, torch.Tensor]:
    """The tensors of a dict itself."""
    return {
        str(name): value.detach().contiguous().clone()  # the file may share memory between two names
        for name, value in tree.items()
        if isinstance(value, torch.Tensor) and not value.is_sparse
    }


def limit(size: int) -> None:
    """Bounds this process, where the source has `size` bytes: 2 GiB of memory beside the file three times over, five
    minutes, files of a MiB beside twice the source."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (3 * size + ROOM, 3 * size + ROOM))
    resource.setrlimit(resource.RLIMIT_CPU, (300, 300))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * size + (1 << 20), 2 * size + (1 << 20)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(source: str, target: str) -> None:
    """Reads SOURCE, writes TARGET; says on stderr why it cannot."""
    torch.set_num_threads(1)
    limit(os.path.getsize(source))
    try:
        with torch.serialization.safe_globals(PLAIN):
            tree = torch.load(source, map_location="cpu", weights_only=True)
        found = tensors(tree) if isinstance(tree, Mapping) else {}
    except Exception as error:  # a damaged or hostile file fails in any way
        reason = re.search(r"[Uu]nsupported .+?(?=\.\s|\n|$)", str(error))  # in the middle of advice
        told = reason[0] if reason else re.split(r"\.\s|\n", str(error))[0]
        sys.exit(" ".join(told.split())[:300] or type(error).__name__)
    if not found:
        sys.exit("it holds no named tensors")
    save_file(found, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
