"""NumPy archives: MedMNIST (Yang et al. 2023), the Keras form, and plain pairs of pictures and answers.

Keys are a kind and a split, in either order: train_images and train_labels, x_train and y_train, images and labels.
Arrays are loaded without pickle.
"""

import os
import re
import struct
import zipfile
import zlib

import numpy as np

from smalti.data.formats.arrays import Array, array_source
from smalti.data.formats.labels import split_of
from smalti.data.source import SPLITS, UNASSIGNED, Source, Task
from smalti.errors import InputError, few

__all__ = ["is_npz", "read_npz"]

_KINDS = {
    **dict.fromkeys(("images", "image", "x", "data", "imgs", "pictures"), "pictures"),
    **dict.fromkeys(("labels", "label", "y", "targets", "target", "classes"), "answers"),
}


def is_npz(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip of .npy arrays."""
    try:
        with open(path, "rb") as file:
            head = file.read(30)
            first = file.read(struct.unpack_from("<H", head, 26)[0])
        if not (head.startswith(b"PK\3\4") and first.endswith(b".npy")):
            return False  # without a look at the table of contents, which may name a million pictures
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # not a zip, or a damaged one: another reader's business
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_npz(path: str | os.PathLike[str], name: str, task: Task | None = None) -> Source:
    """The source of one .npz file.

    Raises:
        InputError: it is damaged, holds pickled objects, or its keys do not say what is what.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            keys = list(archive.files)
            chosen = _pairs(keys, name)
            parts: dict[int, tuple[Array, Array]] = {
                split: (archive[pair["pictures"]], archive[pair["answers"]]) for split, pair in chosen.items()
            }
    except InputError:
        raise
    except Exception as error:  # np.load lets zip, zlib, value and struct errors of damaged files out
        pickled = isinstance(error, ValueError) and "pickle" in str(error).lower()
        damaged = isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | OSError)
        why = "it holds Python objects, which are never loaded" if pickled and not damaged else str(error)
        raise InputError(
            "cannot be read as .npz", where=name, why=why, mend="save plain arrays with numpy.savez"
        ) from error
    used = {key for pair in chosen.values() for key in pair.values()}
    rest = [key for key in keys if key not in used]
    notes = [f"arrays that are not used: {few(rest)}"] if rest else []
    return array_source(name, parts, task, None, notes)


def _pairs(keys: list[str], name: str) -> dict[int, dict[str, str]]:
    """Split -> kind -> key."""
    found: dict[int, dict[str, str]] = {}
    for key in keys:
        words = [word for word in re.split(r"[_\-. ]+", key.lower()) if word]
        kinds = [_KINDS[word] for word in words if word in _KINDS]
        splits = [split for word in words if (split := split_of(word)) is not None]
        if len(kinds) == 1 and len(kinds) + len(splits) == len(words) and len(splits) <= 1:
            pair = found.setdefault(splits[0] if splits else UNASSIGNED, {})
            if kinds[0] in pair:
                raise InputError(
                    f"the keys {pair[kinds[0]]} and {key} mean the same", where=name, mend="keep one of them"
                )
            pair[kinds[0]] = key
    for split, pair in found.items():
        if len(pair) != 2:
            lacks = "labels" if "pictures" in pair else "images"
            part = "" if split == UNASSIGNED else f" of {SPLITS[split]}"
            raise InputError(
                f"no {lacks}{part}",
                where=name,
                why=f"the keys are {few(keys, 12)}",
                mend="add them, or remove the other half",
            )
    if not found:
        raise InputError(
            "no pictures and labels found",
            where=name,
            why=f"the keys are {few(keys, 12)}",
            mend="name them train_images, train_labels, test_images, test_labels",
        )
    return found
