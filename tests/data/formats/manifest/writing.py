"""Manifests and pictures to write down."""

import zipfile
from pathlib import Path

from smalti.data.source import Source

PICTURES = {f"images/{i}.png": f"picture {i}".encode() for i in range(6)}


def write(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def read_all(source: Source) -> list[bytes]:
    return [source.read(i) for i in range(len(source))]


def put(root: Path, *paths: str, **tables: str) -> Path:
    """Pictures that hold their paths, and tables with "/" for "__" in their names."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    for name, text in tables.items():
        (root / f"{name.replace('__', '/')}.csv").write_text(text)
    return root


def zipped_tree(root: Path) -> Path:
    files = [path for path in root.rglob("*") if path.is_file()]
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        for path in files:
            archive.write(path, path.relative_to(root))
    return root.with_suffix(".zip")


def zipped(path: Path, manifest: str, prefix: str = "", name: str = "metadata.csv") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(prefix + name, manifest)
        for picture, content in PICTURES.items():
            archive.writestr(prefix + picture, content)
    return path
