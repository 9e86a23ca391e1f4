"""The standard data sets by name, through torchvision's own classes, which know where they are published.

Files lie in $SMALTI_DATA, or ~/.cache/smalti/data. What is there is used; nothing is downloaded unless asked for.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smalti.data.formats.arrays import Array, array_source
from smalti.data.formats.labels import class_targets
from smalti.data.formats.walk import Files
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED, Source, Task
from smalti.errors import InputError, StorageError
from smalti.files import is_refused

__all__ = ["STANDARD", "data_folder", "read_standard", "standard_name"]


@dataclass(frozen=True)
class _Standard:
    """torchvision's class, and the arguments that choose each split."""

    dataset: str
    splits: Mapping[int, Mapping[str, Any]]


_BY_FLAG = {0: {"train": True}, 2: {"train": False}}
_TRAIN_TEST = {0: {"split": "train"}, 2: {"split": "test"}}
_TRAIN_VAL_TEST = {0: {"split": "train"}, 1: {"split": "val"}, 2: {"split": "test"}}
_WHOLE: dict[int, dict[str, Any]] = {UNASSIGNED: {}}

STANDARD: dict[str, _Standard] = {
    "mnist": _Standard("MNIST", _BY_FLAG),
    "fashionmnist": _Standard("FashionMNIST", _BY_FLAG),
    "kmnist": _Standard("KMNIST", _BY_FLAG),
    "emnist": _Standard("EMNIST", {split: {"split": "balanced", **flag} for split, flag in _BY_FLAG.items()}),
    "usps": _Standard("USPS", _BY_FLAG),
    "cifar10": _Standard("CIFAR10", _BY_FLAG),
    "cifar100": _Standard("CIFAR100", _BY_FLAG),
    "svhn": _Standard("SVHN", _TRAIN_TEST),
    "stl10": _Standard("STL10", _TRAIN_TEST),
    "gtsrb": _Standard("GTSRB", _TRAIN_TEST),
    "flowers102": _Standard("Flowers102", _TRAIN_VAL_TEST),
    "oxfordpets": _Standard("OxfordIIITPet", {0: {"split": "trainval"}, 2: {"split": "test"}}),
    "food101": _Standard("Food101", _TRAIN_TEST),
    "eurosat": _Standard("EuroSAT", _WHOLE),
    "dtd": _Standard("DTD", _TRAIN_VAL_TEST),
    "fgvcaircraft": _Standard("FGVCAircraft", _TRAIN_VAL_TEST),
    "country211": _Standard("Country211", {0: {"split": "train"}, 1: {"split": "valid"}, 2: {"split": "test"}}),
    "sun397": _Standard("SUN397", _WHOLE),
}


def standard_name(name: str) -> str | None:
    """The key of STANDARD that a person means ("Fashion-MNIST", "cifar_10"); None where there is none."""
    key = "".join(c for c in name.lower() if c not in "-_ ")
    return key if key in STANDARD else None


def data_folder() -> Path:
    """Where standard sets are looked for and downloaded to: $SMALTI_DATA, or ~/.cache/smalti/data."""
    chosen = os.environ.get("SMALTI_DATA")
    return Path(os.path.expanduser(chosen)) if chosen else Path.home() / ".cache" / "smalti" / "data"


def read_standard(name: str, *, download: bool = False, task: Task | None = None) -> Source:
    """The source of one key of STANDARD.

    Raises:
        InputError: it is not on this machine and `download` is false, or it cannot be downloaded.
        StorageError: there is no room for it.
    """
    from smalti._torchvision import torchvision

    standard, root = STANDARD[name], data_folder()
    loader = getattr(torchvision.datasets, standard.dataset)
    loaded = {}
    try:
        if download:
            root.mkdir(parents=True, exist_ok=True)
        for split, arguments in standard.splits.items():
            loaded[split] = loader(root=str(root), download=download, **arguments)
    except (
        Exception
    ) as error:  # torchvision says RuntimeError for "not found", and lets those of urllib, tar and disk out
        raise _refused(name, root, download, error) from error
    parts = {split: _contents(dataset) for split, dataset in loaded.items()}
    label_names = next((names for dataset in loaded.values() if (names := _class_names(dataset))), None)
    if all(isinstance(pictures, np.ndarray) for pictures, _ in parts.values()):
        return array_source(name, parts, task, label_names, [])  # type: ignore[arg-type]
    paths = Names(os.path.relpath(path, root) for pictures, _ in parts.values() for path in pictures)
    given = [int(answer) for _, answers in parts.values() for answer in answers]
    splits = np.concatenate([np.full(len(answers), split, np.int8) for split, (_, answers) in parts.items()])
    labels, targets = class_targets([label_names[i] if label_names else str(i) for i in given], splits, name)
    return Source(name, "classify", labels, paths, targets, splits, Files(str(root), paths))


def _refused(name: str, root: Path, download: bool, error: Exception) -> InputError | StorageError:
    why = " ".join(str(error).split()) or type(error).__name__
    if not download:
        why = "" if isinstance(error, FileNotFoundError) or "not found" in why.lower() else why
        return InputError(
            f"{name} is not on this machine", where=root, why=why, mend="add --download, or point at a folder"
        )
    if is_refused(error):
        return StorageError(
            f"{name} cannot be kept", where=root, why=why, mend="free space, or set SMALTI_DATA to another folder"
        )
    return InputError(
        f"{name} could not be downloaded",
        where=root,
        why=why,
        mend="check the network, or get the files and point at their folder",
    )


def _contents(dataset: Any) -> tuple[Array | list[str], Array]:
    """Pictures, as an array (N, H, W[, C]) or as paths, and their classes as integers.

    torchvision's classes keep them under one of three pairs of names.
    """
    if hasattr(dataset, "data"):
        pictures = np.asarray(dataset.data)
        return pictures, np.asarray(dataset.targets if hasattr(dataset, "targets") else dataset.labels)
    for samples in ("samples", "_samples"):
        if hasattr(dataset, samples):
            pairs = getattr(dataset, samples)
            return [str(path) for path, _ in pairs], np.asarray([answer for _, answer in pairs], np.int64)
    files = dataset._images if hasattr(dataset, "_images") else dataset._image_files
    return [str(path) for path in files], np.asarray(dataset._labels, np.int64)


def _class_names(dataset: Any) -> list[str] | None:
    """Without the numbers that MNIST puts before its names ("0 - zero")."""
    names = getattr(dataset, "classes", None)
    if not names:
        return None
    return [re.sub(r"^(\d+) - .*", r"\1", str(name)) for name in names]
