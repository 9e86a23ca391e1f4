"""CIFAR-10 and CIFAR-100 python batches (Krizhevsky 2009), read without running what a pickle can run.

A pickle may name any function of any module and have it called. The reader here answers for the four names that the
published files use, and answers with plain functions of its own: nothing the file asks for is ever imported, and
numpy sees only bytes, a checked type and a shape.
"""

import io
import pickle
import pickletools
import posixpath
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats.arrays import array_source
from smalti.data.formats.tree import Tree
from smalti.data.source import Source, Task
from smalti.errors import InputError, printable

__all__ = ["cifar_folder", "read_batch", "read_cifar"]

_CIFAR10 = {**{f"data_batch_{i}": 0 for i in range(1, 6)}, "test_batch": 2}
_CIFAR100 = {"train": 0, "test": 2}
_MEND = "get the files again from their publisher"


def cifar_folder(tree: Tree) -> str | None:
    """The folder of a tree that holds CIFAR batches ("" is the top); None where there is none."""
    metas = [path for path in tree.paths if path.endswith("meta")]
    for meta, batches in (("batches.meta", _CIFAR10), ("meta", _CIFAR100)):
        for path in metas:
            folder, _, file = path.rpartition("/")
            if file == meta and any(tree.position(posixpath.join(folder, batch)) is not None for batch in batches):
                return folder
    return None


def read_cifar(tree: Tree, folder: str, task: Task | None = None) -> Source:
    """The batches of one folder, with the class names of their meta file; CIFAR-100 by its fine labels.

    Raises:
        InputError: a batch is damaged, or asks for something that the published ones do not.
    """
    fine = tree.position(posixpath.join(folder, "batches.meta")) is None
    batches, meta_name = (_CIFAR100, "meta") if fine else (_CIFAR10, "batches.meta")
    where = posixpath.join(tree.name, folder, meta_name)
    meta = read_batch(tree.content(posixpath.join(folder, meta_name)), where)
    label_names = meta.get("fine_label_names" if fine else "label_names")
    if not isinstance(label_names, list) or not all(isinstance(name, str) for name in label_names):
        raise InputError("no class names in it", where=where, mend=_MEND)
    found: dict[int, list[tuple[NDArray[np.generic], NDArray[np.generic]]]] = {}
    absent = []
    for batch, split in batches.items():
        path = posixpath.join(folder, batch)
        if tree.position(path) is None:
            absent.append(batch)
            continue
        found.setdefault(split, []).append(
            _pictures(read_batch(tree.content(path), f"{tree.name}/{path}"), fine, f"{tree.name}/{path}")
        )
    parts = {
        split: (np.concatenate([x for x, _ in many]), np.concatenate([y for _, y in many]))
        for split, many in found.items()
    }
    notes = [f"batches that are missing: {', '.join(absent)}"] if absent else []
    return array_source(tree.name, parts, task, label_names, [*tree.notes, *notes])


def _pictures(batch: dict[str, Any], fine: bool, where: str) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """uint8 (N, 32, 32, 3) and labels (N,); a row is stored as the red, then the green, then the blue plane."""
    data, labels = batch.get("data"), batch.get("fine_labels" if fine else "labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        raise InputError("no pictures of 3 x 32 x 32 bytes in it", where=where, mend=_MEND)
    if not isinstance(labels, list) or len(labels) != len(data) or not all(isinstance(label, int) for label in labels):
        raise InputError("no list of one label a picture in it", where=where, mend=_MEND)
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.asarray(labels, np.int64)


def read_batch(content: bytes, where: str) -> dict[str, Any]:
    """The dictionary of one batch file: arrays of numbers, lists, numbers and text.

    Raises:
        InputError: it is damaged, or names anything but an array of numbers.
    """
    try:
        _check_places(content)
        loaded = _plain(_Reader(io.BytesIO(content), encoding="bytes").load())
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, mend=error.mend) from error
    except Exception as error:  # a damaged pickle fails in any way
        raise InputError("damaged, or no CIFAR batch", where=where, why=str(error), mend=_MEND) from error
    if not isinstance(loaded, dict):
        raise InputError("no CIFAR batch", where=where, why=f"it holds a {type(loaded).__name__}", mend=_MEND)
    return loaded


def _check_places(content: bytes) -> None:
    """A pickle numbers its objects, and the unpickler makes room up to the highest: a false number fills the memory."""
    for opcode, argument, _ in pickletools.genops(content):  # it checks all lengths against what is there, too
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(content):
            raise InputError("damaged, or no CIFAR batch", why=f"an object is numbered {argument}", mend=_MEND)


class _Type:
    """Stands for numpy.dtype: the name of a number type."""

    def __init__(self, name: object = "", *_: object) -> None:
        self.name = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in (b">", ">"):
            self.name = f">{self.name}"


class _Array:
    """Stands for numpy.ndarray: remembers its state."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def array(self) -> NDArray[np.generic]:
        state = self.state
        if not isinstance(state, tuple) or len(state) != 5:
            raise InputError("an array without its parts", mend=_MEND)
        _, shape, dtype, columns_first, values = state
        if (
            not isinstance(dtype, _Type)
            or dtype.name.lstrip(">") not in ("u1", "i4", "i8", "f4", "f8")
            or not isinstance(values, bytes)
        ):
            raise InputError("an array that is not one of numbers", why="such arrays are never loaded", mend=_MEND)
        return np.frombuffer(values, dtype.name).reshape(shape, order="F" if columns_first else "C")


def _encode(text: str, encoding: object = "latin1") -> bytes:
    """Stands for _codecs.encode, by which Python 3 writes bytes for Python 2."""
    if encoding not in ("latin1", b"latin1"):
        raise InputError(f"text in the encoding {printable(encoding)!r}", mend=_MEND)
    return text.encode("latin1")


def _reconstruct(*_: object) -> _Array:
    return _Array()


_ALLOWED: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class _Reader(pickle.Unpickler):
    """Reads data; whatever else is asked for by name is refused, and never imported."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise InputError(
                f"it asks for {printable(f'{module_name}.{global_name}')}",
                why="a data file has no need of it, and may do harm with it",
                mend=_MEND,
            ) from None


def _plain(value: Any) -> Any:
    """Arrays out of their stand-ins, text out of bytes."""
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
