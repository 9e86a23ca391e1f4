"""Archives made of files in memory, and read back."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from smalti.data.formats.archives import list_archive

FILES = {
    f"{group}/{i}.jpg": np.random.default_rng(i).bytes(10 + 700 * i) + b"\0" * 900
    for group in ("a", "b")
    for i in range(5)
} | {"b/empty.txt": b"", "a/" + "long" * 20 + "/" + "name" * 20 + "/x.jpg": b"long name"}


def make_zip(path: Path, files: dict[str, bytes] = FILES, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes] = FILES, form: int = tarfile.PAX_FORMAT) -> Path:
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode, format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def contents(path: Path) -> dict[str, bytes]:
    tree = list_archive(path)
    return {name: tree.storage.read(i) for i, name in enumerate(tree.paths)}
